// Writes the third-party protos that our contract imports or serves, from npm packages that carry them:
// buf/validate/validate.proto (only its descriptor is published) and the gRPC health and reflection protos.
// Usage: node vendor.mjs <folder>
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { printProto } from "./print-proto.mjs";

const folder = process.argv[2];
if (!folder) throw new Error("usage: node vendor.mjs <folder>");
const require = createRequire(import.meta.url);
const packageFolder = (name) => dirname(require.resolve(`${name}/package.json`));

const copies = [
  [join(packageFolder("grpc-health-check"), "proto/health/v1/health.proto"), "grpc/health/v1/health.proto"],
  ...["v1", "v1alpha"].map((version) => [
    join(packageFolder("@grpc/reflection"), `build/proto/grpc/reflection/${version}/reflection.proto`),
    `grpc/reflection/${version}/reflection.proto`,
  ]),
];
for (const [from, to] of copies) {
  const target = join(folder, to);
  mkdirSync(dirname(target), { recursive: true });
  cpSync(from, target);
}

const validate = join(folder, file_buf_validate_validate.proto.name);
mkdirSync(dirname(validate), { recursive: true });
writeFileSync(validate, printProto(file_buf_validate_validate.proto));
