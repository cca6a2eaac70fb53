// Server-sent events read from a fetch: EventSource cannot send an Authorization header.

const nothing = () => ({ event: "message", data: [], id: null });

// Yields { event, data, id } for every event, { retryMs } where the server says how soon to come again, and
// null for every comment, which is a sign of life.
export async function* readEvents(body) {
  let fields = nothing();
  for await (const line of readLines(body)) {
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (line === "") {
      if (fields.data.length > 0) yield { ...fields, data: fields.data.join("\n") };
      fields = nothing();
    } else if (name === "") {
      yield null;
    } else if (name === "retry" && /^\d+$/.test(value)) {
      yield { event: "retry", retryMs: Number(value) };
    } else if (name === "data") {
      fields.data.push(value);
    } else if (name === "event") {
      fields.event = value;
    } else if (name === "id" && !value.includes("\0")) {
      fields.id = value;
    }
  }
}

// Lines end in LF, CR LF or CR, and any of them may be cut by the edge of a chunk.
async function* readLines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += value;
      const held = rest.endsWith("\r") ? "\r" : "";
      const lines = rest.slice(0, rest.length - held.length).split(/\r\n|\n|\r/);
      rest = lines.pop() + held;
      yield* lines;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
