// The link that holds a dump: its text, compressed, in the fragment, which no browser sends to a server.

/** What a link holds. `cpu` is a shipped set's name, or "" where `capabilities` has pasted values or none are known. */
export interface Shared {
  readonly dump: string;
  readonly cpu: string;
  readonly capabilities: string;
  /** The author's own encodings, or "". */
  readonly encodings: string;
}

/** Longer links are cut short by mailers, trackers and chats. */
const LONGEST_FRAGMENT = 32_000;
/** More than any dump of a VMCS: a small fragment must not unpack to what fills the memory. */
const LONGEST_TEXT = 1024 * 1024;

/** The fragment without its #; a sentence where the texts are too long for a link. */
export async function fragmentOf(shared: Shared): Promise<string | { readonly reason: string }> {
  const parts = new URLSearchParams({ dump: await packed(shared.dump) });
  if (shared.cpu !== "") parts.set("cpu", shared.cpu);
  if (shared.capabilities !== "") parts.set("caps", await packed(shared.capabilities));
  if (shared.encodings !== "") parts.set("fields", await packed(shared.encodings));
  const fragment = parts.toString();
  if (fragment.length <= LONGEST_FRAGMENT) return fragment;
  return {
    reason: `Found a dump that makes a link of ${fragment.length} characters, expected at most ${LONGEST_FRAGMENT}: send the dump as a file instead.`,
  };
}

/** What the fragment of a link holds; a sentence where it is damaged. */
export async function sharedOf(fragment: string): Promise<Shared | { readonly reason: string }> {
  const parts = new URLSearchParams(fragment);
  try {
    return {
      dump: await unpacked(parts.get("dump") ?? ""),
      cpu: parts.get("cpu") ?? "",
      capabilities: parts.has("caps") ? await unpacked(parts.get("caps")!) : "",
      encodings: parts.has("fields") ? await unpacked(parts.get("fields")!) : "",
    };
  } catch {
    return {
      reason: "Found a link whose dump is damaged, expected a whole one: copy the link again, to its last character.",
    };
  }
}

async function packed(text: string): Promise<string> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

async function unpacked(base64url: string): Promise<string> {
  if (base64url === "") throw new Error("nothing is packed");
  const bytes = Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (char) =>
    char.charCodeAt(0),
  );
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += decoder.decode(part.value, { stream: true });
    if (text.length > LONGEST_TEXT) throw new Error("the text is too long");
  }
  return text + decoder.decode();
}
