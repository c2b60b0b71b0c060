// The user's terminal as that of the machine: what is typed goes to its serial line.
import type { ReadStream } from "node:tty";

const controlA = 0x01;
const leavingKeys = Buffer.from("xX");

/** Follows what is typed for Ctrl-A x, which is for this side of the line. */
export class TypedKeys {
  #isBehindPrefix = false;

  /** The bytes that are the machine's, and whether Ctrl-A x came behind them: what follows it is dropped. */
  take(typed: Uint8Array): { readonly bytes: Uint8Array; readonly leaves: boolean } {
    const bytes: number[] = [];
    for (const byte of typed) {
      if (this.#isBehindPrefix) {
        this.#isBehindPrefix = false;
        if (leavingKeys.includes(byte)) return { bytes: Uint8Array.from(bytes), leaves: true };
        bytes.push(controlA, byte);
      } else if (byte === controlA) this.#isBehindPrefix = true;
      else bytes.push(byte);
    }
    return { bytes: Uint8Array.from(bytes), leaves: false };
  }
}

/** Basalt's first line; what firmware and the loader print before it also clears screens. */
const firstLine = /(^|\n)(basalt: )/;

/** What of the machine's text is the terminal's: all from Basalt's first line on, as it comes. */
export class ScreenText {
  #before = "";
  #hasBegun = false;
  #heldBack = "";

  /** What is to be written for `text`. A terminal makes "\r\n" of each line feed itself. */
  take(text: string): string {
    const all = this.#heldBack + this.#begun(text);
    this.#heldBack = all.endsWith("\r") ? "\r" : "";
    return all.slice(0, all.length - this.#heldBack.length).replaceAll("\r\n", "\n");
  }

  #begun(text: string): string {
    if (this.#hasBegun) return text;
    this.#before += text;
    const found = firstLine.exec(this.#before);
    this.#hasBegun = found !== null;
    return found === null ? "" : this.#before.slice(found.index + found[1]!.length);
  }
}

/** What `connectTerminal` uses of stdin. */
export type Terminal = Pick<ReadStream, "on" | "off" | "resume" | "pause"> & {
  readonly isTTY?: boolean;
  setRawMode?(isRaw: boolean): unknown;
};

/**
 * Has all that is typed at `terminal` sent, key by key and without an echo, and `leave` called on Ctrl-A x. Also a pipe will do.
 * The function that it returns gives the terminal back as it was.
 */
export function connectTerminal(terminal: Terminal, send: (bytes: Uint8Array) => void, leave: () => void): () => void {
  const keys = new TypedKeys();
  const onTyped = (typed: Buffer): void => {
    const { bytes, leaves } = keys.take(typed);
    if (bytes.length > 0) send(bytes);
    if (leaves) leave();
  };
  const isTerminal = terminal.isTTY === true;
  if (isTerminal) terminal.setRawMode?.(true);
  terminal.on("data", onTyped);
  terminal.resume();
  return () => {
    terminal.off("data", onTyped);
    terminal.pause();
    if (isTerminal) terminal.setRawMode?.(false);
  };
}
