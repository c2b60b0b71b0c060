// The names that VMs may have: the console's lines about a VM begin with its name, so that none may read as another line.

/** The letters of a name, at most: a to z, digits and "-", the first one a to z. */
export const MAXIMUM_NAME_LENGTH: i32 = 16;

/** What a VM without a name is called, with its number behind. No VM's own name is this and digits. */
export const DEFAULT_NAME_PREFIX: string = "vm";

/** Words that other lines of Basalt's begin with, which programs read (Console.protocol) or people trust. */
export const RESERVED_NAMES: StaticArray<string> = [
  "basalt",
  "console",
  "debug",
  "emulate",
  "error",
  "panic",
  "record",
  "result",
  "warning",
];
