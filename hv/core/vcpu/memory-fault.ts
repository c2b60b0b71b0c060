// An access of a guest that nested paging did not allow, whatever the vendor's format for it.

import { ACCESS_FETCH, ACCESS_HAS_LINEAR, ACCESS_OF_PAGING, ACCESS_WRITE } from "../../shared/vcpu-page";
import { Console } from "../console/console";
import { EXECUTE, READ, WRITE } from "../memory/entry-format";

/** Preallocated in the vCPU; a backend fills in all of it at each such exit that is not just RAM touched for the first time. */
export class MemoryFault {
  /** The guest-physical address. */
  gpa: u64 = 0;
  /** The guest's linear address; of meaning with ACCESS_HAS_LINEAR only. */
  linearAddress: u64 = 0;
  /** Bits ACCESS_* of hv/shared/vcpu-page.ts. */
  access: u64 = 0;
  /** What nested paging allows there: READ, WRITE and EXECUTE of memory/entry-format.ts. */
  allowed: u32 = 0;
  /** Supervisor and user mode differ in what they may execute, and user mode may. */
  isUserExecutable: bool = false;
  /** The next three are known: what the guest's own paging says of the linear address. */
  hasGuestPaging: bool = false;
  isUserAddress: bool = false;
  isGuestWritable: bool = false;
  isGuestExecuteDisabled: bool = false;
  /** An IRET that ended the blocking of NMIs made the access: they are to be blocked again before it is tried again. */
  unblocksNmis: bool = false;
  /** A shadow stack was accessed. */
  isShadowStack: bool = false;
  /** The processor made the access by itself, for no instruction: tracing, say. */
  isAsynchronous: bool = false;

  /** Adds all of it to a line. */
  describe(line: Console): void {
    line.text(accessName(this.access)).text("guest-physical ").hex(this.gpa, 16);
    if (this.access & ACCESS_HAS_LINEAR) {
      line.text(this.access & ACCESS_OF_PAGING ? ", a paging structure for linear " : ", linear ");
      line.hex(this.linearAddress, 16);
    }
    line.text("; nested paging allows ").text(this.allowed & READ ? "r" : "-");
    line.text(this.allowed & WRITE ? "w" : "-").text(this.allowed & EXECUTE ? "x" : "-");
    if (this.isUserExecutable) line.text(", x in user mode");
    if (this.hasGuestPaging) {
      line.text(", the guest's paging ").text(this.isUserAddress ? "user " : "supervisor ");
      line.text(this.isGuestWritable ? "rw" : "r-").text(this.isGuestExecuteDisabled ? "-" : "x");
    }
    if (this.isShadowStack) line.text(", a shadow stack");
    if (this.isAsynchronous) line.text(", by no instruction");
    if (this.unblocksNmis) line.text(", in an IRET that unblocked NMIs");
  }
}

function accessName(access: u64): string {
  if (access & ACCESS_FETCH) return "fetch from ";
  return access & ACCESS_WRITE ? "write to " : "read of ";
}
