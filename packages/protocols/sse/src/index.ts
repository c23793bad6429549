export { binaryContentType, sseContentType } from "./accept.ts";
export { type AguiHttpOptions, createAguiHttpProtocol } from "./agui-http.ts";
