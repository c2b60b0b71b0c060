// The ways in which tools write 64 bits.

/** A number at the start of a text, and how many letters it takes; or why what stands there is none; or nothing. */
export type NumberFound = { value: bigint; length: number } | { bad: string } | null;

/** Parts of a number from its highest to its lowest digits; each part but the first has all its digits. */
const IN_PARTS: readonly RegExp[] = [
  /^(?:0x)?([0-9a-f]{4})[-_`']([0-9a-f]{4})[-_`']([0-9a-f]{4})[-_`']([0-9a-f]{4})(?!\w)/i,
  /^(?:0x)?([0-9a-f]{1,8})[-_`'](?:0x)?([0-9a-f]{8})(?!\w)/i,
  /^(?:0x)?([0-9a-f]{8})(?::|,?\s{1,4})(?:0x)?([0-9a-f]{8})(?!\w)/i,
];

const HIGH = String.raw`(?:edx|high|hi)\s{0,4}[:=]\s{0,4}(?:0x)?([0-9a-f]{1,8})`;
const LOW = String.raw`(?:eax|low|lo)\s{0,4}[:=]\s{0,4}(?:0x)?([0-9a-f]{1,8})`;
const HIGH_FIRST = new RegExp(String.raw`^${HIGH}\W{1,6}${LOW}(?!\w)`, "i");
const LOW_FIRST = new RegExp(String.raw`^${LOW}\W{1,6}${HIGH}(?!\w)`, "i");

const IN_ONE = /^(0x)?([0-9a-f]+)(?:ull|ul|u|h)?(?!\w|[-_`'][0-9a-f])/i;
/** A high half and less than a low one: a line that was cut. */
const CUT = /^[0-9a-f]{8}[ \t]{1,4}[0-9a-f]{1,7}$/i;
const WORD = /^[^\s"',;)]{1,24}/;

/**
 * The hexadecimal number, with or without 0x, at the start of `text`. One that begins with a letter counts only where
 * nothing follows it, as "bad" and "face" are words too.
 */
export function readNumber(text: string, bits: 32 | 64): NumberFound {
  if (bits === 64) {
    const inParts = readParts(text);
    if (inParts !== null) return inParts;
    if (CUT.test(text)) return { bad: text };
  }
  const [whole, prefix, digits] = IN_ONE.exec(text) ?? [];
  if (whole === undefined) return /^\d/.test(text) ? { bad: WORD.exec(text)?.[0] ?? text.slice(0, 1) } : null;
  const isSure = prefix !== undefined || /^\d/.test(whole) || text.slice(whole.length).trim() === "";
  if (!isSure) return null;
  const significant = digits!.replace(/^0+/, "");
  if (significant.length > bits / 4) return { bad: WORD.exec(whole)![0] };
  return { value: BigInt(`0x0${significant}`), length: whole.length };
}

function readParts(text: string): NumberFound {
  for (const form of IN_PARTS) {
    const match = form.exec(text);
    if (match !== null) return { value: BigInt(`0x${match.slice(1).join("")}`), length: match[0].length };
  }
  const [highFirst, high, low] = HIGH_FIRST.exec(text) ?? [];
  if (highFirst !== undefined) return { value: join(high!, low!), length: highFirst.length };
  const [lowFirst, second, first] = LOW_FIRST.exec(text) ?? [];
  if (lowFirst !== undefined) return { value: join(first!, second!), length: lowFirst.length };
  return null;
}

function join(high: string, low: string): bigint {
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

/** The refusal of a number that is none. */
export function badNumber(name: string, found: string, bits: 32 | 64): string {
  return `Found "${found}" as the value of ${name}, expected a hexadecimal number of at most ${bits} bits: correct it.`;
}
