// Prints a FileDescriptorProto as .proto text: what is needed to import it, without comments and custom options.

const scalarNames = [
  "",
  "double",
  "float",
  "int64",
  "uint64",
  "int32",
  "fixed64",
  "fixed32",
  "bool",
  "string",
  "group",
  "message",
  "bytes",
  "uint32",
  "enum",
  "sfixed32",
  "sfixed64",
  "sint32",
  "sint64",
];
const labelNames = ["", "optional", "required", "repeated"];
const optionalLabel = 1;
const stringType = 9;
const maxFieldNumber = 536870911;

/** Returns the text of a file descriptor. */
export function printProto(file) {
  const syntax = file.syntax === "" ? "proto2" : file.syntax;
  const lines = [
    "// Written from a published descriptor. Do not edit, do not commit.",
    `syntax = "${syntax}";`,
  ];
  lines.push(`package ${file.package};`, ...file.dependency.map((name) => `import "${name}";`));
  const options = file.options ?? {};
  for (const [key, value] of [
    ["go_package", options.goPackage],
    ["java_package", options.javaPackage],
  ]) {
    if (value) lines.push(`option ${key} = ${JSON.stringify(value)};`);
  }
  const printer = createPrinter(lines, syntax);
  for (const item of file.enumType) printer.enumeration(0, item);
  for (const item of file.messageType) printer.message(0, item, `.${file.package}`);
  printer.extensions(0, file.extension);
  return `${lines.join("\n")}\n`;
}

function createPrinter(lines, syntax) {
  const write = (depth, text) => lines.push("  ".repeat(depth) + text);

  function field(depth, item, mapEntries, withoutLabel) {
    const entry = mapEntries?.get(item.typeName);
    if (entry) {
      const [key, value] = entry.field;
      write(
        depth,
        `map<${typeName(key)}, ${typeName(value)}> ${item.name} = ${item.number}${fieldOptions(item)};`,
      );
      return;
    }
    const implicit = item.label === optionalLabel && syntax === "proto3" && !item.proto3Optional;
    const label = withoutLabel || implicit ? "" : `${labelNames[item.label]} `;
    write(depth, `${label}${typeName(item)} ${item.name} = ${item.number}${fieldOptions(item)};`);
  }

  function enumeration(depth, item) {
    write(depth, `enum ${item.name} {`);
    if (item.options?.allowAlias) write(depth + 1, "option allow_alias = true;");
    for (const value of item.value) {
      write(
        depth + 1,
        `${value.name} = ${value.number}${value.options?.deprecated ? " [deprecated = true]" : ""};`,
      );
    }
    reserved(depth + 1, item, (range) => range.end);
    write(depth, "}");
  }

  function message(depth, item, scope) {
    const name = `${scope}.${item.name}`;
    const isMap = (nested) => nested.options?.mapEntry === true;
    const mapEntries = new Map(
      item.nestedType.filter(isMap).map((nested) => [`${name}.${nested.name}`, nested]),
    );
    write(depth, `message ${item.name} {`);
    for (const nested of item.enumType) enumeration(depth + 1, nested);
    for (const nested of item.nestedType) if (!isMap(nested)) message(depth + 1, nested, name);
    fields(depth + 1, item, mapEntries);
    for (const range of item.extensionRange)
      write(depth + 1, `extensions ${rangeText(range.start, range.end - 1)};`);
    reserved(depth + 1, item, (range) => range.end - 1);
    extensions(depth + 1, item.extension);
    write(depth, "}");
  }

  function fields(depth, item, mapEntries) {
    const groupOf = (one) => (Object.hasOwn(one, "oneofIndex") && !one.proto3Optional ? one.oneofIndex : -1);
    const done = new Set();
    for (const one of item.field) {
      const group = groupOf(one);
      if (group < 0) {
        field(depth, one, mapEntries, false);
      } else if (!done.has(group)) {
        done.add(group);
        write(depth, `oneof ${item.oneofDecl[group].name} {`);
        for (const member of item.field)
          if (groupOf(member) === group) field(depth + 1, member, mapEntries, true);
        write(depth, "}");
      }
    }
  }

  function reserved(depth, item, lastOf) {
    if (item.reservedRange.length > 0) {
      write(
        depth,
        `reserved ${item.reservedRange.map((range) => rangeText(range.start, lastOf(range))).join(", ")};`,
      );
    }
    if (item.reservedName.length > 0) {
      write(depth, `reserved ${item.reservedName.map((name) => JSON.stringify(name)).join(", ")};`);
    }
  }

  function extensions(depth, items) {
    for (const item of items) {
      write(depth, `extend ${item.extendee} {`);
      field(depth + 1, item);
      write(depth, "}");
    }
  }

  return { enumeration, message, extensions };
}

const typeName = (field) => field.typeName || scalarNames[field.type];

function fieldOptions(field) {
  const options = [];
  if (field.options?.packed) options.push("packed = true");
  if (field.options?.deprecated) options.push("deprecated = true");
  if (field.defaultValue) {
    options.push(
      `default = ${field.type === stringType ? JSON.stringify(field.defaultValue) : field.defaultValue}`,
    );
  }
  return options.length > 0 ? ` [${options.join(", ")}]` : "";
}

function rangeText(start, last) {
  if (last >= maxFieldNumber) return `${start} to max`;
  return start === last ? `${start}` : `${start} to ${last}`;
}
