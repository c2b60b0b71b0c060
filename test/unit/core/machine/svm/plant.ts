// Puts an instruction into a guest's memory where its script says that it exited: software that cannot ask the processor for
// the next RIP, or for the operands, reads it there.
import { GuestException, NestedFault, type Guest } from "../guest.ts";

/** CS override: a prefix that changes none of the instructions that exit. */
const PREFIX = 0x2e;

/** Writes it at RIP, with as many prefixes as its length asks for. Where nothing is mapped there is nothing to read. */
export function plant(guest: Guest, instruction: readonly number[], length = instruction.length): void {
  if (length < instruction.length) {
    throw new Error(`an instruction of ${instruction.length} bytes is to exit with a length of ${length}`);
  }
  const bytes = [...Array<number>(length - instruction.length).fill(PREFIX), ...instruction];
  try {
    if (!Buffer.from(guest.fetch(guest.codeAddress, length)).equals(Buffer.from(bytes))) guest.overwriteCode(bytes);
  } catch (error) {
    if (!(error instanceof NestedFault) && !(error instanceof GuestException)) throw error;
  }
}
