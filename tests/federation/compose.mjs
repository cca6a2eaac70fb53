// Composes the gateway's subgraph with one of a CRM that extends its agents, and prints what came of it.
import { composeServices } from "@theguild/federation-composition";
import { parse } from "graphql";

const response = await fetch(process.env.URL, {
  method: "POST",
  headers: { "content-type": "application/json", authorization: `Bearer ${process.env.KEY}` },
  body: JSON.stringify({ query: "{ _service { sdl } }" }),
});
const answer = await response.json();
const crm = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])
  type Query { cases(first: Int): [Case!]! }
  type Case @key(fields: "id") { id: ID!  handledBy: Agent  queue: Queue  pause: Pause  page: PageInfo }
  type Agent @key(fields: "id") { id: ID!  cases: [Case!]! }
  type Queue @key(fields: "id", resolvable: false) { id: ID! }
  type Pause @key(fields: "id", resolvable: false) { id: ID! }
  type PageInfo @shareable {
    hasNextPage: Boolean!  hasPreviousPage: Boolean!  startCursor: String  endCursor: String
  }
`;
const result = composeServices([
  { name: "gateway", url: process.env.URL, typeDefs: parse(answer.data._service.sdl) },
  { name: "crm", url: "http://127.0.0.1:1/graphql", typeDefs: parse(crm) },
]);
const errors = (result.errors ?? []).map((error) => error.message);
console.log(JSON.stringify({ errors, supergraph: result.supergraphSdl ?? "", publicSdl: result.publicSdl ?? "" }));
