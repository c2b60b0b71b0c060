// What the devices that serve one chain of buffers after the other have in common.

import { StateTable } from "../../state";
import { Alarm, Alarms, NEVER } from "../../time";
import { VirtioDevice } from "./device";
import { CHAIN_BROKEN, CHAIN_NONE, takeChain, Virtqueue } from "./virtqueue";

/** What became of a chain. */
export const CHAIN_SERVED: u32 = 0;
/** It is to be walked again in a later call of the vmm. */
export const CHAIN_LATER: u32 = 1;
/** It stays the driver's until the device asks for it: nothing is there to be done. */
export const CHAIN_KEPT: u32 = 2;
/** The driver has broken a rule of the device's: `problem`. */
export const CHAIN_MALFORMED: u32 = 3;

/**
 * What one call of the vmm may cost, in ticks as devices estimate them: a chain is begun as long as some are left. A chain
 * takes no more than that itself, and a call has some ten times of both.
 */
const TICKS_OF_CALL: u32 = 4000000;
/** To take a descriptor, and to do something with its buffer. */
const TICKS_OF_BUFFER: u32 = 100;

/** Has come whatever the clock says: the alarm rings in the next call of the vmm. */
const AT_ONCE: u64 = 0;

/** Goes on with a queue for which a call was too short. */
class Continuation extends Alarm {
  constructor(
    private readonly device: ChainDevice,
    private readonly queue: u32,
  ) {
    super();
  }

  ring(_now: u64): void {
    this.device.serve(this.queue);
  }
}

export abstract class ChainDevice extends VirtioDevice {
  /** Of the chain being served: how many of its bytes for writing were filled in, from the first one on. */
  protected written: u32 = 0;
  /** What serving it has cost, in ticks; may be estimated. */
  protected ticks: u32 = 0;
  /** With CHAIN_MALFORMED: a constant sentence. */
  protected problem: string = "";
  /** One a queue. */
  private readonly continuations: Array<Continuation> = [];

  constructor(
    private readonly alarms: Alarms,
    id: u32,
    queues: Array<Virtqueue>,
    offered: u64,
  ) {
    super(id, queues, offered);
    for (let i = 0; i < queues.length; i++) {
      const continuation = new Continuation(this, i);
      this.continuations.push(continuation);
      alarms.add(continuation);
    }
  }

  /** Serves the chain that `queue` has taken: one of CHAIN_SERVED, CHAIN_LATER, CHAIN_KEPT, CHAIN_MALFORMED. */
  abstract serveChain(queue: Virtqueue): u32;

  notify(queue: u32): void {
    // Who calls has looked that there is such a queue.
    this.serveRunning(unchecked(this.queues[queue]), queue);
  }

  /** Serves what waits in queue `index`, unless it is not enabled or the device is not running. */
  serve(index: u32): void {
    if (index >= <u32>this.queues.length) return;
    const queue = unchecked(this.queues[index]);
    if (queue.isEnabled && this.isRunning) this.serveRunning(queue, index);
  }

  /** For as long as a call of the vmm may take; the rest is served in the next call. */
  private serveRunning(queue: Virtqueue, index: u32): void {
    const problem = this.serveQueue(queue, index);
    const transport = this.transport;
    if (!transport) return;
    if (queue.needsInterrupt()) transport.interruptQueue(queue);
    if (problem.length == 0) return;
    this.stop();
    transport.fail(problem);
  }

  /** Ends what goes on in later calls. */
  protected stop(): void {
    for (let i = 0; i < this.continuations.length; i++) this.alarms.set(this.continuations[i], NEVER);
  }

  reset(): void {
    this.stop();
  }

  visit(table: StateTable): void {
    for (let i = 0; i < this.continuations.length; i++) {
      const continuation = this.continuations[i];
      const goesOn = table.flag(continuation.deadline != NEVER);
      this.alarms.set(continuation, goesOn ? AT_ONCE : NEVER);
    }
  }

  /** Returns a problem, or "". */
  private serveQueue(queue: Virtqueue, index: u32): string {
    this.ticks = 0;
    while (this.ticks < TICKS_OF_CALL) {
      const found = takeChain(queue);
      if (found == CHAIN_NONE) return "";
      if (found == CHAIN_BROKEN) return queue.problem;
      this.ticks += queue.count * TICKS_OF_BUFFER;
      this.written = 0;
      const head = queue.head;
      const served = this.serveChain(queue);
      if (served == CHAIN_MALFORMED) return this.problem;
      if (served == CHAIN_SERVED) {
        queue.put(head, this.written);
        if (queue.isDone) return "";
        continue;
      }
      queue.giveBack();
      if (served == CHAIN_KEPT) return "";
      break;
    }
    this.alarms.set(this.continuations[index], AT_ONCE);
    return "";
  }
}
