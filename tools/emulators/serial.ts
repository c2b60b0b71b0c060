// Follows the file that an emulator writes the serial line to, and reads Basalt's result from it.
import { closeSync, openSync, readSync, writeFileSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";

/** What a run ends with: the last serial line that Basalt prints, `basalt: result N NAME`, or `… NAME VALUE`. */
export interface BasaltResult {
  readonly number: number;
  readonly name: string;
  /** What the guest itself gave as its result, where it did (hv/vmm/devices/exit-port.ts). */
  readonly value: number | null;
}

const resultLine = /^basalt: result (\d+) ([a-z0-9-]+)(?: (\d+))?$/;

/** Escape sequences with which firmware and GRUB colour their lines and clear the screen. */
const escapeSequence = /\x1b\[[0-9;=?]*[A-Za-z]/g;

/** A file has no event for "more was written" that works on every file system, so it is read this often. */
const readIntervalMilliseconds = 20;

/** The result that `line` states, or null. */
export function parseResult(line: string): BasaltResult | null {
  const match = resultLine.exec(line);
  return match?.[1] && match[2]
    ? { number: Number(match[1]), name: match[2], value: match[3] ? Number(match[3]) : null }
    : null;
}

/** The serial line as it grows: complete lines go to `onLine`, without escape sequences and carriage returns. */
export abstract class SerialLine {
  readonly lines: string[] = [];
  /** Everything received, as it was sent. */
  text = "";

  readonly #decoder = new StringDecoder("utf8");
  readonly #onLine: (line: string) => void;
  readonly #onText: (text: string) => void;
  #rest = "";

  /** `onText` gets all that comes, as it comes: a prompt ends no line. */
  constructor(onLine: (line: string) => void, onText: (text: string) => void = () => {}) {
    this.#onLine = onLine;
    this.#onText = onText;
  }

  /** Hands on an unfinished last line, and stops. Closing again does nothing. */
  abstract close(): void;

  /** The last `count` lines that say something, an unfinished one included. */
  lastLines(count: number): string[] {
    return [...this.lines, clean(this.#rest)].filter((line) => line.trim() !== "").slice(-count);
  }

  protected receive(bytes: Buffer): void {
    const text = this.#decoder.write(bytes);
    this.text += text;
    this.#onText(text);
    const pieces = (this.#rest + text).split("\n");
    this.#rest = pieces.pop() ?? "";
    for (const piece of pieces) this.#finishLine(piece);
  }

  protected finish(): void {
    const rest = this.#rest;
    this.#rest = "";
    if (rest !== "") this.#finishLine(rest);
  }

  #finishLine(piece: string): void {
    const line = clean(piece);
    this.lines.push(line);
    this.#onLine(line);
  }
}

/** A file that an emulator writes the serial line to. */
export class SerialFile extends SerialLine {
  readonly #file: number;
  readonly #buffer = Buffer.alloc(65536);
  readonly #timer: NodeJS.Timeout;
  #isOpen = true;

  /** Creates an empty file at `path` and follows it. */
  constructor(path: string, onLine: (line: string) => void) {
    super(onLine);
    writeFileSync(path, "");
    this.#file = openSync(path, "r");
    this.#timer = setInterval(() => this.#readAll(), readIntervalMilliseconds);
  }

  /** Reads what is left first. */
  override close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    clearInterval(this.#timer);
    this.#readAll();
    closeSync(this.#file);
    this.finish();
  }

  #readAll(): void {
    let length = readSync(this.#file, this.#buffer);
    while (length > 0) {
      this.receive(this.#buffer.subarray(0, length));
      length = readSync(this.#file, this.#buffer);
    }
  }
}

function clean(piece: string): string {
  return piece.replaceAll(escapeSequence, "").replaceAll("\r", "");
}
