// How the guest ended itself whose result is the run's.

/** The first value that is not 0 of a guest that ended itself (ANSWER_GUEST_EXITED). */
export class GuestExit {
  private value: u32 = 0;

  /** A guest ended itself with `value`, which is not 0. */
  note(value: u32): void {
    if (this.value == 0) this.value = value;
  }

  /** For the result line: the result's name, and the value in decimal. */
  describe(name: string): string {
    return name + " " + this.value.toString();
  }
}
