// The exports of terminal.wasm. Its linear memory from 0 on is the screen, as far as the runtime maps it; its own data lies
// at 3 GiB. None of the exports blocks.

import { Terminal } from "./terminal";

/** Creates the terminal; its root object is the first argument of the other exports. */
export function create(): u32 {
  return <u32>changetype<usize>(new Terminal());
}

/**
 * Opens the screen that lies at `start` of this memory and clears it. `width` and `height` are in pixels of `bits` bits,
 * of which the masks `red`, `green` and `blue` are the colours; with `bits` SCREEN_TEXT they are in characters. `pitch`
 * is the distance of two lines in bytes. Returns columns and rows, or a status (hv/shared/screen.ts).
 */
export function open(
  root: u32,
  start: u32,
  pitch: u32,
  width: u32,
  height: u32,
  bits: u32,
  red: u32,
  green: u32,
  blue: u32,
): u32 {
  return terminalOf(root).open(start, pitch, width, height, bits, red, green, blue);
}

/** Shows a byte of text. */
export function write(root: u32, byte: u32): void {
  terminalOf(root).write(byte);
}

/** Whether a keyboard answers: 1 or 0. */
export function hasKeyboard(root: u32): u32 {
  return terminalOf(root).keyboard.answers ? 1 : 0;
}

/** The ASCII code of a key that was pressed since, 0 if none was. */
export function readKey(root: u32): u32 {
  return terminalOf(root).keyboard.read();
}

function terminalOf(root: u32): Terminal {
  return changetype<Terminal>(<usize>root);
}
