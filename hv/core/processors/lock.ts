// Locks between CPUs: a queue (Craig, Landin and Hagersten's), in which each waits for the node of the one before it.

// To draw a place takes one exchange, so that no CPU can be passed: it waits for as many others as there are CPUs at most.
// Who waits lets interrupts in at each turn, and each turn is two operations on shared words.

import { Console } from "../console/console";
import { rdtsc, relax, sharedExchange, sharedLoad, sharedStore } from "../hardware";
import { lockHolderWord, lockNodeWord, lockTailWord } from "./shared-words";

/**
 * TSC ticks for which one CPU may hold a lock: 2,000 million. A call of a vmm has 100 million from the host's first tick in it,
 * and that tick may be 170 ms away.
 */
export const HOLD_LIMIT: u64 = 2_000_000_000;

const NODE_FREE: u64 = 0;
const NODE_TAKEN: u64 = 1;

/** How many locks a CPU holds: one object a CPU. */
export class HeldLocks {
  count: u32 = 0;
}

/** A lock as one CPU has it: one object for each CPU and lock, made at start. Not recursive. */
export class SpinLock {
  /** The node that this CPU brings along when it queues the next time. */
  private node: u32;
  /** The node of the one before, which is this CPU's own as soon as the lock is released. */
  private before: u32 = 0;

  /** `lock` is a number of shared-words.ts, `cpu` the CPU that this object belongs to. */
  constructor(
    private readonly lock: u32,
    private readonly cpu: u32,
    private readonly held: HeldLocks,
    private readonly console: Console,
  ) {
    this.node = cpu + 1;
  }

  /**
   * Waits until the lock is this CPU's. Interrupts are let in. A holder that keeps it for HOLD_LIMIT ends the run: the wait
   * starts anew with each holder, so that the whole of it is bounded by HOLD_LIMIT times the number of other CPUs.
   */
  take(): void {
    assert(
      sharedLoad(lockHolderWord(this.lock)) != this.asHolder,
      "a CPU takes a lock that it does not hold yet: taken twice, it would wait for itself",
    );
    sharedStore(lockNodeWord(this.lock, this.node), NODE_TAKEN);
    this.before = <u32>sharedExchange(lockTailWord(this.lock), this.node);
    this.waitFor(this.before);
    sharedStore(lockHolderWord(this.lock), this.asHolder);
    this.held.count++;
  }

  /** Hands the lock on to the one behind, if there is any. */
  release(): void {
    assert(
      sharedLoad(lockHolderWord(this.lock)) == this.asHolder,
      "a lock is released by the CPU that holds it: this one has not taken it",
    );
    this.held.count--;
    sharedStore(lockHolderWord(this.lock), 0);
    const node = this.node;
    // Before the release: behind it the node belongs to the one that waits for it.
    this.node = this.before;
    sharedStore(lockNodeWord(this.lock, node), NODE_FREE);
  }

  private get asHolder(): u64 {
    return <u64>this.cpu + 1;
  }

  private waitFor(node: u32): void {
    let holder: u64 = 0;
    let start = rdtsc();
    while (sharedLoad(lockNodeWord(this.lock, node)) != NODE_FREE) {
      const now = sharedLoad(lockHolderWord(this.lock));
      if (now != holder) {
        holder = now;
        start = rdtsc();
      }
      relax();
      if (rdtsc() - start >= HOLD_LIMIT) this.panic(holder);
    }
  }

  private panic(holder: u64): void {
    const line = this.console
      .error()
      .text("CPU ")
      .decimal(this.cpu)
      .text(" waits for the lock of VM ")
      .decimal(this.lock);
    // Between two holders nobody has it for an instant.
    if (holder == 0) line.text(", which the next in the queue does not take: ");
    else
      line
        .text(" of CPU ")
        .decimal(holder - 1)
        .text(", which is not released: ");
    line
      .text("deadlock, or a CPU that hangs (limit: ")
      .decimal(HOLD_LIMIT / 1_000_000)
      .text(" million ticks)")
      .end();
    assert(false, "a lock is not released: deadlock, or a CPU that hangs; the line above names both");
  }
}
