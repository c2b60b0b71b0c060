// Basalt's command line as GRUB holds it: where it stands in grub.cfg, how long it may be, which characters it takes.
import { ToolError } from "../errors.ts";

/** The text in grub.cfg that the command line follows. It occurs once in an ISO. */
export const marker = "multiboot2 /boot/basalt.elf ";

/** The characters that grub.cfg reserves for the command line, padded with spaces. */
export const fieldLength = 256;

/** What GRUB's script language passes on as it stands, without quoting. */
const plainText = /^[A-Za-z0-9 =,.:/_@%+-]*$/;

/** `commandLine` in the form that grub.cfg holds: padded to the field. Refuses what GRUB would cut or interpret. */
export function toField(commandLine: string): string {
  if (!plainText.test(commandLine)) {
    const odd = [...commandLine].find((character) => !plainText.test(character));
    throw new ToolError(
      "usage",
      `The boot command line holds ${JSON.stringify(odd)}; it takes letters, digits, spaces and = , . : / _ @ % + - only.`,
    );
  }
  if (commandLine.length > fieldLength) {
    throw new ToolError(
      "usage",
      `The boot command line has ${commandLine.length} characters, ${fieldLength} fit. Shorten --append.`,
    );
  }
  return commandLine.padEnd(fieldLength);
}

/** Options joined to one command line, empty ones left out. */
export function joinOptions(...options: (string | undefined)[]): string {
  return options.filter((option) => option !== undefined && option !== "").join(" ");
}
