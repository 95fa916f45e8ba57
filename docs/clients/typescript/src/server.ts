// An application server that gives each document a process of its own.
//
// GET /documents/NAME asks for the user's name and password and sends the browser on to the session
// of that document: the same one for everybody who opens it, started if it does not run.

import { randomUUID, timingSafeEqual, createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { type ClientReadableStream, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";

import { ErrorInfo, RetryInfo, Status } from "./gen/google/rpc/error_details.js";
import { endReasonToJSON, SessionSpec, SessionState } from "./gen/spawner/v1/session.js";
import {
  ConnectRequest,
  type ConnectResponse,
  SessionsClient,
  WatchSessionsRequest,
  type WatchSessionsResponse,
  WatchSessionsResponse_Type as Type,
} from "./gen/spawner/v1/sessions.js";

const env = process.env;
const parent = `namespaces/${env.SPAWNER_NAMESPACE ?? "default"}`;
const users = new Map([["ada", "lovelace"], ["grace", "hopper"]]); // yours come from where your users are
const connectWithinMs = 10_000;

/** Who calls, if the controller wants to know. Asked for each call: Kubernetes replaces a
 * ServiceAccount's token in its file long before the former one expires. */
function metadata(): Metadata {
  const metadata = new Metadata();
  let token = env.SPAWNER_TOKEN ?? "";
  if (env.SPAWNER_TOKEN_FILE) {
    try {
      token = readFileSync(env.SPAWNER_TOKEN_FILE, "ascii").trim();
    } catch (error) {
      console.log(`token file: ${(error as Error).message}`); // the controller says UNAUTHENTICATED then
    }
  }
  if (token) metadata.set("authorization", `Bearer ${token}`);
  return metadata;
}

// What runs for a document. COMMAND is for `./quickstart`, which has programs and no images.
const spec = SessionSpec.fromPartial({
  template: env.TEMPLATE ?? "",
  image: env.IMAGE ?? "",
  command: env.COMMAND?.split(" ") ?? [],
  idle: { grace: { seconds: "60" } }, // how long it outlives its last connection
});

/** ErrorInfo's reason, and how long to wait if another try makes sense. */
function errorDetails(error: ServiceError): { reason: string; retryMs?: number } {
  const found: { reason: string; retryMs?: number } = { reason: "" };
  const [bytes] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (!bytes) return found;
  for (const detail of Status.decode(bytes as Buffer).details) {
    if (detail.typeUrl.endsWith("/google.rpc.ErrorInfo")) {
      found.reason = ErrorInfo.decode(detail.value).reason;
    } else if (detail.typeUrl.endsWith("/google.rpc.RetryInfo")) {
      const { seconds = "0", nanos = 0 } = RetryInfo.decode(detail.value).retryDelay ?? {};
      found.retryMs = Number(seconds) * 1000 + nanos / 1e6;
    }
  }
  return found;
}

class Documents {
  private readonly stopping = new AbortController();
  private watching?: ClientReadableStream<WatchSessionsResponse>;

  constructor(private readonly client: SessionsClient) {}

  /** The URL at which this user, and nobody else, gets into the document's session. */
  async open(name: string, user: string): Promise<string> {
    const request = ConnectRequest.fromPartial({
      parent,
      key: { name: `documents/${name}` },
      spec,
      grant: { user, claims: { document: name, role: "editor" } },
      requestId: randomUUID(), // the same each time: a retry never starts a second session
    });
    const deadline = Date.now() + connectWithinMs;
    for (;;) {
      try {
        return (await this.connect(request, deadline)).url;
      } catch (error) {
        const { retryMs } = errorDetails(error as ServiceError);
        if (retryMs === undefined || Date.now() + retryMs > deadline || this.stopping.signal.aborted) throw error;
        await sleep(retryMs);
      }
    }
  }

  private connect(request: ConnectRequest, deadline: number): Promise<ConnectResponse> {
    return new Promise((resolve, reject) => {
      this.client.connect(request, metadata(), { deadline }, (error, response) =>
        error ? reject(error) : resolve(response));
    });
  }

  /** Logs each session's end, until stop(). */
  async watch(): Promise<void> {
    let version = "";
    while (!this.stopping.signal.aborted) {
      try {
        this.watching = this.client.watchSessions(
          WatchSessionsRequest.fromPartial({ parent, resumeVersion: version }), metadata());
        for await (const event of this.watching as AsyncIterable<WatchSessionsResponse>) {
          const isNew = version !== ""; // what there was before we came is no news
          if (isNew || event.type === Type.BOOKMARK) version = event.version;
          const session = event.session;
          if (isNew && event.type === Type.MODIFIED && session?.state === SessionState.TERMINATED) {
            console.log(`ended: ${session.key?.name} ${endReasonToJSON(session.reason)} ${session.message}`);
          }
        }
      } catch (error) {
        if (this.stopping.signal.aborted) return;
        const { reason, retryMs = 1000 } = errorDetails(error as ServiceError);
        if (reason === "VERSION_EXPIRED") version = ""; // away for too long: from the start
        console.log(`watch again: ${reason} ${(error as ServiceError).details}`);
        await sleep(retryMs, undefined, { signal: this.stopping.signal }).catch(() => {});
      }
    }
  }

  stop(): void {
    this.stopping.abort();
    this.watching?.cancel();
  }
}

function authenticated(request: IncomingMessage): string | undefined {
  const [scheme, credentials] = (request.headers.authorization ?? "").split(" ");
  if (scheme?.toLowerCase() !== "basic" || !credentials) return undefined;
  const [, user = "", password = ""] = /^([^:]*):(.*)$/s.exec(Buffer.from(credentials, "base64").toString()) ?? [];
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return users.has(user) && timingSafeEqual(hash(password), hash(users.get(user)!)) ? user : undefined;
}

function answer(response: ServerResponse, code: number, message: string, headers = {}): void {
  response.writeHead(code, { "Content-Type": "application/json", ...headers });
  response.end(message && JSON.stringify({ message }));
}

function failed(response: ServerResponse, error: ServiceError): void {
  const { reason, retryMs } = errorDetails(error);
  console.log(`connect: ${status[error.code]} ${reason}: ${error.details}`);
  if (reason === "KEY_TAG_MISMATCH") {
    answer(response, 409, "the document is open in another version of the editor");
  } else if (retryMs !== undefined || [status.UNAVAILABLE, status.DEADLINE_EXCEEDED].includes(error.code)) {
    answer(response, 503, "busy; try again", { "Retry-After": Math.ceil((retryMs ?? 1000) / 1000) });
  } else {
    answer(response, 500, "the document can't be opened");
  }
}

async function serve(documents: Documents, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  const [, name] = /^\/documents\/([^/]+)$/.exec(pathname) ?? [];
  if (!name || request.method !== "GET") {
    return answer(response, 404, "no such page; documents are at /documents/NAME");
  }
  const user = authenticated(request);
  if (!user) {
    return answer(response, 401, "who are you?", { "WWW-Authenticate": 'Basic realm="documents"' });
  }
  try {
    const url = await documents.open(decodeURIComponent(name), user);
    answer(response, 303, "", { Location: url, "Cache-Control": "no-store" }); // the URL is a secret
  } catch (error) {
    failed(response, error as ServiceError);
  }
}

// TLS: credentials.createSsl()
const client = new SessionsClient(env.SPAWNER_ADDRESS ?? "127.0.0.1:9090", credentials.createInsecure(), {
  "grpc.keepalive_time_ms": 30_000,
});
const documents = new Documents(client);
const server = createServer((request, response) => void serve(documents, request, response));
const [, host, port] = /^(.*):(\d+)$/.exec(env.LISTEN ?? "127.0.0.1:8000") ?? [];
server.listen(Number(port), host, () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`listening on ${address}:${port}`);
});
const watch = documents.watch();

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    documents.stop();
    server.close(async () => { // once answers under way are done
      await watch;
      client.close();
      console.log("stopped");
    });
  });
}
