// The keys behind Ctrl-A: what typed bytes ask of the console.

const CONTROL_A: u32 = 0x01;
const LOWER_CASE: u32 = 0x20;
const QUESTION_MARK: u32 = 0x3f;

// What a byte asks for.
/** Nothing yet: the next byte says what. */
export const KEY_PREFIX: u32 = 0;
/** It is input for the guest. */
export const KEY_INPUT: u32 = 1;
/** Ctrl-A and a key that means nothing. */
export const KEY_UNKNOWN: u32 = 2;
export const COMMAND_HELP: u32 = 3;
export const COMMAND_NEXT: u32 = 4;
export const COMMAND_PREVIOUS: u32 = 5;
export const COMMAND_ALL: u32 = 6;
export const COMMAND_LIST: u32 = 7;
export const COMMAND_PAUSE: u32 = 8;
export const COMMAND_RESUME: u32 = 9;
export const COMMAND_KILL: u32 = 10;

/** The keys from COMMAND_HELP on, and what each does. */
export const COMMAND_KEYS: string = "hnpalsrk";
export const COMMAND_TEXTS: StaticArray<string> = [
  "lists these keys",
  "shows the next VM's console",
  "shows the previous VM's console",
  "shows the consoles of all VMs",
  "lists the VMs",
  "stops the VM whose console is shown, until it is resumed",
  "resumes it",
  "kills it",
];

/** Follows what is typed, byte by byte. */
export class KeyReader {
  private isBehindPrefix: bool = false;

  /** What the next byte asks for: KEY_* or COMMAND_*. A second Ctrl-A is input. */
  take(byte: u32): u32 {
    if (!this.isBehindPrefix) {
      this.isBehindPrefix = byte == CONTROL_A;
      return this.isBehindPrefix ? KEY_PREFIX : KEY_INPUT;
    }
    this.isBehindPrefix = false;
    if (byte == CONTROL_A) return KEY_INPUT;
    if (byte == QUESTION_MARK) return COMMAND_HELP;
    for (let i = 0; i < COMMAND_KEYS.length; i++) {
      if (<u32>COMMAND_KEYS.charCodeAt(i) == (byte | LOWER_CASE)) return COMMAND_HELP + i;
    }
    return KEY_UNKNOWN;
  }
}
