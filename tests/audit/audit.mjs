// Runs every audit of graphql-http against URL with the API key KEY; prints one JSON line per audit.
import { serverAudits } from "graphql-http";

const { URL: url, KEY: key } = process.env;

const fetchFn = (address, init = {}) =>
  fetch(address, { ...init, headers: { ...init.headers, authorization: `Bearer ${key}` } });

for (const audit of serverAudits({ url, fetchFn })) {
  const { status, reason } = await audit.fn();
  console.log(JSON.stringify({ id: audit.id, name: audit.name, status, reason }));
}
