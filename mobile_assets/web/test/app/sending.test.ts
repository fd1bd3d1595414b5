import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SendError, type SendTrouble, sendProposal, takesProposals, whatBecame } from "../../src/app/sending";

const RECEIPT = "0123456789abcdef0123456789abcdef";
const FILE = new Blob(["zip"], { type: "application/zip" });
const asked = vi.fn<typeof fetch>();

beforeEach(() => {
  vi.stubGlobal("location", { href: "https://coins.example/app/#own" });
  vi.stubGlobal("fetch", asked);
});
afterEach(() => {
  vi.unstubAllGlobals();
  asked.mockReset();
});

function answers(status: number, document: unknown, headers: Record<string, string> = {}): void {
  asked.mockResolvedValue(
    new Response(typeof document === "string" ? document : JSON.stringify(document), { status, headers }),
  );
}

test.each([
  [true, 200, { proposals: true }],
  [false, 200, { proposals: false }],
  [false, 200, {}],
  [false, 404, { proposals: true }],
  [false, 200, "<!doctype html>"],
])("whether a server takes proposals is %s for %i %j", async (takes, status, document) => {
  answers(status, document);
  expect(await takesProposals()).toBe(takes);
  expect(String(asked.mock.calls[0]![0])).toBe("https://coins.example/api/v1/catalog");
});

test("a server that does not answer takes none", async () => {
  asked.mockRejectedValue(new TypeError("Failed to fetch"));
  expect(await takesProposals()).toBe(false);
});

test("a proposal is sent as it is, to the app's own server, and its receipt is kept", async () => {
  answers(201, { receipt: RECEIPT, state: "waiting", word: "", coin: null });
  const before = Date.now();
  const sent = await sendProposal(FILE);
  expect(sent).toEqual({ receipt: RECEIPT, state: "waiting", word: "", at: expect.any(Number) });
  expect(sent.at).toBeGreaterThanOrEqual(before);
  const [url, request] = asked.mock.calls[0]!;
  expect(String(url)).toBe("https://coins.example/api/v1/proposals");
  expect([request?.method, request?.body]).toEqual(["POST", FILE]);
  expect(request?.headers).toEqual({ "Content-Type": "application/zip" });
});

test("what became of it keeps the day on which it was sent", async () => {
  answers(200, { receipt: RECEIPT, state: "rejected", word: "worn", coin: null });
  const offered = { receipt: RECEIPT, state: "waiting", word: "", at: 5 } as const;
  expect(await whatBecame(offered)).toEqual({ receipt: RECEIPT, state: "rejected", word: "worn", at: 5 });
  expect(String(asked.mock.calls[0]![0])).toBe(`https://coins.example/api/v1/proposals/${RECEIPT}`);
});

const refusals: [number, SendTrouble, Record<string, string>, number | null][] = [
  [404, "closed", {}, null],
  [413, "too-large", {}, null],
  [415, "refused", {}, null],
  [429, "too-many", { "Retry-After": "601" }, 11],
  [503, "full", {}, null],
  [500, "server", { "Retry-After": "soon" }, null],
];
test.each(refusals)("%i is told as %s", async (status, trouble, headers, minutes) => {
  answers(status, { detail: "why" }, headers);
  const error = await sendProposal(FILE).catch((each: unknown) => each);
  expect(error).toBeInstanceOf(SendError);
  expect(error).toMatchObject({ trouble, minutes, detail: `${status} why` });
});

test("no network is told as such", async () => {
  asked.mockRejectedValue(new TypeError("Failed to fetch"));
  await expect(sendProposal(FILE)).rejects.toMatchObject({ trouble: "offline" });
});

test.each([
  ["<!doctype html>"],
  [{}],
  [{ receipt: "../../catalog", state: "waiting" }],
  [{ receipt: RECEIPT, state: "lost" }],
])("an answer that names no receipt is no success: %j", async (document) => {
  answers(201, document);
  await expect(sendProposal(FILE)).rejects.toMatchObject({ trouble: "server" });
});
