// Writes the types of operations.graphql from the gateway's schema, as graphql-codegen does.
import { readFileSync, writeFileSync } from "node:fs";
import { codegen } from "@graphql-codegen/core";
import * as typedDocuments from "@graphql-codegen/typed-document-node";
import * as typescript from "@graphql-codegen/typescript";
import * as operations from "@graphql-codegen/typescript-operations";
import { parse } from "graphql";

const [schema, target] = [process.env.SCHEMA, process.env.TARGET];
const config = { scalars: { DateTime: "string" }, useTypeImports: true, strictScalars: true };
writeFileSync(
  target,
  await codegen({
    filename: target,
    schema: parse(readFileSync(schema, "utf8")),
    documents: [{ location: "operations.graphql", document: parse(readFileSync("operations.graphql", "utf8")) }],
    config,
    plugins: [{ typescript: {} }, { operations: {} }, { documents: {} }],
    pluginMap: { typescript, operations, documents: typedDocuments },
  }),
);
console.log("written");
