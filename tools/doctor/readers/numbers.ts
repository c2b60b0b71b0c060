// Numbers as dumps, listings and C headers write them.

export interface ReadNumber {
  /** Negative where the text has a minus sign; the field's width says what that stores. */
  readonly value: bigint;
  /** False of digits that could be decimal or hexadecimal: the value is the base's that the caller gave. */
  readonly isCertain: boolean;
}

/** More digits than any field has, so that a long run of digits costs no long division. */
const MOST_DIGITS = 40;
const HEXADECIMAL = /^0x([0-9a-f][0-9a-f_']*)(?:u?l{0,2}|l{1,2}u|[ui](?:8|16|32|64|128|size))$/i;
const HEXADECIMAL_WITH_H = /^([0-9a-f][0-9a-f_']*)h$/i;
const DIGITS = /^(-?)([0-9][0-9_']*)(?:u?l{0,2}|l{1,2}u|[ui](?:8|16|32|64|128|size))$/i;
const BARE_HEXADECIMAL = /^([0-9a-f][0-9a-f_']*)$/i;

/**
 * Reads `token` as a whole number: `0x…`, `…h`, decimal, or hexadecimal without a prefix, each with `_` or `'` between its
 * digits and with C's or Rust's suffix. `base` settles digits that could be either. Null where it is no number or has more
 * than 40 digits.
 */
export function readNumber(token: string, base: 10 | 16): ReadNumber | null {
  const prefixed = HEXADECIMAL.exec(token) ?? HEXADECIMAL_WITH_H.exec(token);
  if (prefixed !== null) return number(prefixed[1] ?? "", 16, "", true);
  const digits = DIGITS.exec(token);
  if (digits !== null && !(base === 16 && isPlainlyHexadecimal(token))) {
    const plain = strip(digits[2] ?? "");
    return number(plain, digits[1] === "-" ? 10 : base, digits[1] ?? "", plain.length < 2 || digits[1] === "-");
  }
  const bare = BARE_HEXADECIMAL.exec(token);
  return bare === null ? null : number(bare[1] ?? "", 16, "", false);
}

/** Whether a number without a prefix has a hexadecimal letter: then the digits beside it are hexadecimal too. */
export function isPlainlyHexadecimal(token: string): boolean {
  return BARE_HEXADECIMAL.test(token) && /[a-f]/i.test(token);
}

function number(digits: string, base: 10 | 16, sign: string, isCertain: boolean): ReadNumber | null {
  const plain = strip(digits);
  if (plain.length > MOST_DIGITS) return null;
  const value = BigInt(base === 16 ? `0x${plain}` : plain);
  return { value: sign === "-" ? -value : value, isCertain };
}

function strip(digits: string): string {
  return digits.replaceAll(/[_']/g, "");
}
