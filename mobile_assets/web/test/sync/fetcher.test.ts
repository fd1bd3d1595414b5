import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Bytes } from "../../src/catalog/bytes";
import { HttpFetcher } from "../../src/sync/fetcher";
import type { Appending } from "../../src/sync/storage";
import { MemoryStorage } from "./memoryStorage";

const CONTENT = Uint8Array.from({ length: 5000 }, (_, place) => place % 251);

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let answers: Answer[];
let asked: (string | undefined)[];
let storage: MemoryStorage;
let into: Appending;

beforeEach(async () => {
  answers = [];
  asked = [];
  server = createServer((request, response) => {
    asked.push(request.headers.range);
    (answers.shift() ?? whole)(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  storage = new MemoryStorage();
  into = await storage.append("file");
});

afterEach(() => server.close());

const whole: Answer = (request, response) => {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (from) response.writeHead(206, { "Content-Range": `bytes ${from}-4999/5000` });
  response.end(CONTENT.subarray(from));
};

const broken =
  (after: number): Answer =>
  (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.writeHead(from ? 206 : 200, {
      "Content-Length": 5000 - from,
      ...(from ? { "Content-Range": `bytes ${from}-4999/5000` } : {}),
    });
    response.write(CONTENT.subarray(from, from + after));
    setTimeout(() => response.destroy(), 30);
  };

const status =
  (code: number): Answer =>
  (_, response) =>
    response.writeHead(code).end("said so");

function fetcher(patience = {}) {
  const { port } = server.address() as AddressInfo;
  return new HttpFetcher(`http://127.0.0.1:${port}`, { backoff: 1, ...patience });
}

async function downloaded(patience = {}, length = CONTENT.length) {
  const told: number[] = [];
  const transferred = await fetcher(patience).download("file", into, length, (bytes) => told.push(bytes));
  return {
    transferred,
    progress: told.reduce((sum, bytes) => sum + bytes, 0),
    data: storage.files.get("file") as Bytes,
  };
}

it("a file comes whole", async () => {
  expect(await fetcher().get("file", 5000)).toEqual(CONTENT);
  expect(await downloaded()).toEqual({ transferred: 5000, progress: 5000, data: CONTENT });
});

it("a broken transfer goes on where it ended, more often than there are tries without progress", async () => {
  answers = [broken(1000), broken(1000), broken(1000), broken(1000)];
  expect(await downloaded({ attempts: 2 })).toEqual({ transferred: 5000, progress: 5000, data: CONTENT });
  expect(asked).toEqual([undefined, "bytes=1000-", "bytes=2000-", "bytes=3000-", "bytes=4000-"]);
});

it("what is there already is not fetched again", async () => {
  into.write(CONTENT.slice(0, 4000));
  expect((await downloaded()).transferred).toBe(1000);
});

it("a server that knows no ranges makes it start over", async () => {
  into.write(CONTENT.slice(0, 4000));
  answers = [(_, response) => response.end(CONTENT)];
  expect(await downloaded()).toEqual({ transferred: 5000, progress: 1000, data: CONTENT });
});

it("a server that is busy is asked again", async () => {
  answers = [status(503), status(429)];
  expect(await fetcher().get("file", 5000)).toEqual(CONTENT);
});

it("without an answer it gives up", async () => {
  answers = [status(500), status(500), status(500)];
  await expect(fetcher({ attempts: 3 }).get("file", 5000)).rejects.toMatchObject({ fault: "offline" });
  const late = fetcher({ attempts: 2 });
  server.close();
  server.closeAllConnections();
  await expect(late.get("file", 5000)).rejects.toMatchObject({ fault: "offline" });
});

it("silence counts as broken", async () => {
  const silent: Answer = (_, response) => void response.write(CONTENT.subarray(0, 10));
  answers = [silent, silent];
  await expect(fetcher({ attempts: 2, silence: 50 }).get("file", 5000)).rejects.toMatchObject({ fault: "offline" });
  server.closeAllConnections();
});

it.each([403, 404, 410])("what is not there is null of a small file, and an error of a target: %i", async (code) => {
  answers = [status(code), status(code)];
  expect(await fetcher().get("file", 5000)).toBeNull();
  await expect(downloaded()).rejects.toMatchObject({ fault: "server" });
});

it("more than is expected is not read", async () => {
  await expect(fetcher().get("file", 4999)).rejects.toMatchObject({ refusal: "endless" });
  await expect(downloaded({}, 4999)).rejects.toMatchObject({ refusal: "endless" });
});

it("nothing is followed to another place", async () => {
  answers = [(_, response) => response.writeHead(302, { Location: "http://127.0.0.1:9/" }).end()];
  await expect(fetcher({ attempts: 1 }).get("file", 5000)).rejects.toMatchObject({ name: "SyncError" });
});

const otherRange: Answer = (_, response) =>
  response.writeHead(206, { "Content-Range": "bytes 0-4999/5000" }).end(CONTENT);

it("where another range comes the file is fetched whole", async () => {
  into.write(CONTENT.slice(0, 4000));
  answers = [otherRange];
  expect(await downloaded()).toEqual({ transferred: 5000, progress: 1000, data: CONTENT });
  expect(asked).toEqual(["bytes=4000-", undefined]);
});

it("where another range comes again and again the file is given up", async () => {
  into.write(CONTENT.slice(0, 4000));
  answers = [otherRange, broken(1000), otherRange];
  await expect(downloaded()).rejects.toMatchObject({ fault: "server", message: /another range/ });
  expect(asked.length).toBe(3);
});

it.each(["<!DOCTYPE html><p>Welcome", "\r\n <HTML>", "<?xml version='1.0'?><html>"])(
  "a page for people is told as a sign-in page and nothing of it is kept: %s",
  async (page) => {
    into.write(CONTENT.slice(0, 100));
    answers = [(_, response) => response.end(page), (_, response) => response.end(page)];
    await expect(fetcher().get("file", 5000)).rejects.toThrow(/sign-in page, or this is no coindex server/);
    await expect(downloaded()).rejects.toThrow(/sign-in page/);
    expect(storage.files.get("file")).toEqual(CONTENT.slice(0, 100));
  },
);

it("a network that wants a sign-in is not asked again", async () => {
  answers = [status(511)];
  await expect(fetcher().get("file", 5000)).rejects.toThrow(/sign-in page/);
  expect(asked.length).toBe(1);
});

it.each(["http://[::1", "host", "ftp://host", "", "http://host/?page=1", "http://host/#top"])(
  "what is no address is told so: %s",
  (address) => {
    expect(() => new HttpFetcher(address)).toThrow(/address/);
  },
);

it("it can be stopped at any time", async () => {
  const stopper = new AbortController();
  answers = [(_, response) => void response.write(CONTENT.subarray(0, 10))];
  setTimeout(() => stopper.abort(), 50);
  await expect(fetcher({ signal: stopper.signal }).get("file", 5000)).rejects.toMatchObject({ fault: "stopped" });
  await expect(fetcher({ signal: stopper.signal }).get("file", 5000)).rejects.toMatchObject({ fault: "stopped" });
  server.closeAllConnections();
});
