import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  createRegistry,
  type DescExtension,
  type DescFile,
  type DescService,
  type Registry,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import type {
  ServerReflection,
  ServerReflectionRequest,
  ServerReflectionResponseSchema,
} from "@dragoman/contract/grpc/reflection/v1/reflection_pb";

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]>;

/** The implementation of grpc.reflection.v1; that of v1alpha is the same, message for message. */
export function reflectionService(services: readonly DescService[]): ServiceImpl<typeof ServerReflection> {
  const schema = new ReflectedSchema(services);
  return {
    async *serverReflectionInfo(requests) {
      const sent = new Set<string>();
      for await (const request of requests) {
        yield {
          validHost: request.host,
          originalRequest: request,
          messageResponse: schema.answer(request, sent),
        };
      }
    },
  };
}

class ReflectedSchema {
  readonly #services: readonly DescService[];
  readonly #files = new Map<string, DescFile>();
  readonly #registry: Registry;

  constructor(services: readonly DescService[]) {
    this.#services = services;
    for (const service of services) {
      this.#add(service.file);
    }
    this.#registry = createRegistry(...this.#files.values());
  }

  /** Answers one question. `sent` are the files that this caller has: a dependency is sent once per stream. */
  answer(request: ServerReflectionRequest, sent: Set<string>): Answer {
    const question = request.messageRequest;
    switch (question.case) {
      case "listServices":
        return {
          case: "listServicesResponse",
          value: { service: this.#services.map(({ typeName }) => ({ name: typeName })) },
        };
      case "fileByFilename":
        return this.#fileAnswer(question.value, sent);
      case "fileContainingSymbol":
        return this.#fileAnswer(this.#fileOf(question.value), sent);
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = question.value;
        const extension = this.#extensionsOf(containingType).find(({ number }) => number === extensionNumber);
        return this.#fileAnswer(extension?.file.proto.name, sent);
      }
      case "allExtensionNumbersOfType":
        return this.#extensionNumbers(question.value);
      default:
        return failure(Code.InvalidArgument, "message_request is not set");
    }
  }

  #add(file: DescFile): void {
    if (!this.#files.has(file.proto.name)) {
      this.#files.set(file.proto.name, file);
      for (const dependency of file.dependencies) {
        this.#add(dependency);
      }
    }
  }

  #fileAnswer(name: string | undefined, sent: Set<string>): Answer {
    const file = this.#files.get(name ?? "");
    if (!file) {
      return failure(Code.NotFound, "not found");
    }
    const fileDescriptorProto: Uint8Array[] = [];
    const collect = (one: DescFile) => {
      if (!sent.has(one.proto.name)) {
        sent.add(one.proto.name);
        fileDescriptorProto.push(toBinary(FileDescriptorProtoSchema, one.proto));
        one.dependencies.forEach(collect);
      }
    };
    // What is asked for by name is always sent.
    sent.delete(file.proto.name);
    collect(file);
    return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
  }

  /** A symbol is a message, enum, service or extension, or a member of one: method, field, value, oneof. */
  #fileOf(symbol: string): string | undefined {
    const name = symbol.replace(/^\./, "");
    const parent = name.slice(0, Math.max(0, name.lastIndexOf(".")));
    return (this.#registry.get(name) ?? this.#registry.get(parent))?.file.proto.name;
  }

  #extensionsOf(typeName: string): DescExtension[] {
    return [...this.#registry].filter(
      (type): type is DescExtension => type.kind === "extension" && type.extendee.typeName === typeName,
    );
  }

  #extensionNumbers(typeName: string): Answer {
    if (!this.#registry.getMessage(typeName)) {
      return failure(Code.NotFound, "unknown type");
    }
    const extensionNumber = this.#extensionsOf(typeName).map(({ number }) => number);
    return { case: "allExtensionNumbersResponse", value: { baseTypeName: typeName, extensionNumber } };
  }
}

function failure(code: Code, message: string): Answer {
  return { case: "errorResponse", value: { errorCode: code, errorMessage: message } };
}
