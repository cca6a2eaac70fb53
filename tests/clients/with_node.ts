// Callers who use Apollo Client and urql: typed queries, persisted ones, an error with its code, a refused mutation.
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { Client, fetchExchange } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";
import { createHash } from "node:crypto";
import { BoardDocument, ErrorCode, LogOffDocument, OneAgentDocument } from "./generated.js";

const url = process.env.URL!;
const headers = { authorization: `Bearer ${process.env.KEY}` };
const sent: string[] = [];
const counting: typeof fetch = (input, init) => {
  const text = init?.method === "GET" ? String(input) : String(init?.body ?? "");
  sent.push(text.includes("query Board") || text.includes("query+Board") ? "text" : "hash");
  return fetch(input, init);
};

async function withApollo(): Promise<unknown> {
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.from([new PersistedQueryLink({ sha256 }), new HttpLink({ uri: url, headers, fetch: counting })]),
  });
  sent.length = 0;
  const options = { query: BoardDocument, variables: { first: 2 }, fetchPolicy: "network-only" } as const;
  const board = await client.query(options);
  await client.query(options);
  const ways = [...sent];
  const refused = await client.mutate({ mutation: LogOffDocument, variables: { id: "1" } });
  const failed = await client
    .query({ query: OneAgentDocument, variables: { id: "404" } })
    .catch((error: unknown) => (CombinedGraphQLErrors.is(error) ? error.errors[0]!.extensions!.code : String(error)));
  const code: ErrorCode | undefined = refused.data?.logoffAgent.errors[0]?.code;
  return { names: board.data?.agents.nodes.map((agent) => agent.name), ways, refused: code, failed };
}

async function withUrql(): Promise<unknown> {
  const client = new Client({
    url,
    preferGetMethod: false,
    fetchOptions: { headers },
    fetch: counting,
    exchanges: [persistedExchange({ preferGetForPersistedQueries: false }), fetchExchange],
  });
  sent.length = 0;
  const board = await client.query(BoardDocument, { first: 1 }).toPromise();
  await client.query(BoardDocument, { first: 1 }).toPromise();
  const ways = [...sent];
  const refused = await client.mutation(LogOffDocument, { id: "1" }).toPromise();
  const failed = await client.query(OneAgentDocument, { id: "404" }).toPromise();
  return {
    names: board.data?.agents.nodes.map((agent) => agent.name),
    ways,
    refused: refused.data?.logoffAgent.errors[0]?.code,
    failed: failed.error?.graphQLErrors[0]?.extensions.code,
    error: String(board.error ?? ""),
  };
}

console.log(JSON.stringify({ apollo: await withApollo(), urql: await withUrql() }));
