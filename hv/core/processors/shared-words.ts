// The words that the CPUs' instances of core share: which word is what. All are 0 at start. In order of address:
//
//   words          what
//      64          state of each CPU
//      64          pending mail: one a receiver, a bit a sender
//   4,096          mail slots: requests, a word for each ordered pair of CPUs
//   4,096          mail slots: answers
//   1,088          locks: one a VM, of 68 words
//       3          the team: TEAM_*
//      64          how many groups of VMs each CPU is done with
//      64          how many groups each CPU has created its VMs of
//      64          how many VMs each CPU could give away
//      16          the result of each VM
//      48          of each VM the CPU that has it, and while it moves its block and its object
//   8,193          RAM: how many blocks are free, and a bit for each block that is
//       1          the VM whose console is shown
//      16          the state of each VM
//      35          the raw console: a lock, whose line is unfinished, its length and its text
//     544          what was typed for each VM: how much was written, how much was read, and 256 bytes

/** CPUs that Basalt can use: as many as a word has bits. */
export const MAX_CPUS: u32 = 64;
/** VMs of one boot, each with a number below this, which is its slot (boot/runtime/runtime.h's MAX_VMS). */
export const MAX_VMS: u32 = 16;
/** Words there are (boot/runtime): all below are fewer. */
export const SHARED_WORDS: u32 = 32768;

/** Locks: one a VM, with its slot's number. */
export const LOCKS: u32 = MAX_VMS;

const STATES: u32 = 0;
const PENDING: u32 = STATES + MAX_CPUS;
const REQUESTS: u32 = PENDING + MAX_CPUS;
const ANSWERS: u32 = REQUESTS + MAX_CPUS * MAX_CPUS;
const LOCK_TABLE: u32 = ANSWERS + MAX_CPUS * MAX_CPUS;
const LOCK_STRIDE: u32 = 68;

// Words of a lock.
const LOCK_TAIL: u32 = 0;
const LOCK_HOLDER: u32 = 1;
const LOCK_NODES: u32 = 2;

/** How far the start of a CPU has come, and what it runs: written by that CPU and by the one that starts it. */
export function stateWord(cpu: u32): u32 {
  return STATES + cpu;
}

/** The pointer to the Team of core's CPUs, which is at one place in all of them. */
export const TEAM_OBJECT: u32 = LOCK_TABLE + LOCKS * LOCK_STRIDE;
/** What those that are ready are to do. */
export const TEAM_GO: u32 = TEAM_OBJECT + 1;
/** A bit for each CPU that works. */
export const TEAM_MEMBERS: u32 = TEAM_OBJECT + 2;
const PROGRESS: u32 = TEAM_OBJECT + 3;
const CREATED: u32 = PROGRESS + MAX_CPUS;
const SURPLUS: u32 = CREATED + MAX_CPUS;
const RESULTS: u32 = SURPLUS + MAX_CPUS;
const OWNERS: u32 = RESULTS + MAX_VMS;
const MOVING_BLOCKS: u32 = OWNERS + MAX_VMS;
const MOVING_OBJECTS: u32 = MOVING_BLOCKS + MAX_VMS;
/** Blocks that are free, and that nobody has reserved. */
export const RAM_AVAILABLE: u32 = MOVING_OBJECTS + MAX_VMS;
/** The first of RAM_WORDS words: a bit for each block, by its number in hv/core/memory/block-pool.ts, 1 while it is free. */
export const RAM_MAP: u32 = RAM_AVAILABLE + 1;
/** Enough for 1 TiB. */
export const RAM_WORDS: u32 = 8192;
/** The VM whose console is shown, + 1; 0: all (hv/core/console/shown.ts). */
export const CONSOLE_SHOWN: u32 = RAM_MAP + RAM_WORDS;
const VM_STATES: u32 = CONSOLE_SHOWN + 1;
/** 1 while a CPU prints where a console is raw (hv/core/console/raw-output.ts). */
export const RAW_LOCK: u32 = VM_STATES + MAX_VMS;
/** The VM, + 1, whose guest printed last in a raw console. */
export const RAW_OWNER: u32 = RAW_LOCK + 1;
/** Bytes of its line that has not ended. */
export const RAW_LENGTH: u32 = RAW_OWNER + 1;
/** The first of RAW_TEXT_WORDS words: these bytes, as many as there is room for. */
export const RAW_TEXT: u32 = RAW_LENGTH + 1;
export const RAW_TEXT_WORDS: u32 = 32;
const INPUTS: u32 = RAW_TEXT + RAW_TEXT_WORDS;
export const INPUT_TEXT_WORDS: u32 = 32;
const INPUT_STRIDE: u32 = 2 + INPUT_TEXT_WORDS;

/** How many groups of VMs a CPU has done with: written by that CPU. */
export function progressWord(cpu: u32): u32 {
  return PROGRESS + cpu;
}

/** How many groups of VMs a CPU has created its part of: written by that CPU. */
export function createdWord(cpu: u32): u32 {
  return CREATED + cpu;
}

/** How many VMs a CPU has that may leave it, less the one that keeps it busy: written by that CPU. */
export function surplusWord(cpu: u32): u32 {
  return SURPLUS + cpu;
}

/** The CPU that has a VM, + 1: written by that CPU. What is read may have changed by now: a CPU that is asked says so. */
export function ownerWord(vm: u32): u32 {
  return OWNERS + vm;
}

/** The block of a VM's area, with its type, while the VM is between two CPUs. */
export function movingBlockWord(vm: u32): u32 {
  return MOVING_BLOCKS + vm;
}

/** The pointer to its Vm, in that area. */
export function movingObjectWord(vm: u32): u32 {
  return MOVING_OBJECTS + vm;
}

/** What became of a VM: written by the CPU that ran it (hv/core/monitor). */
export function resultWord(vm: u32): u32 {
  return RESULTS + vm;
}

/** What a VM does: written by the CPU that has it (hv/core/monitor/vm-states.ts). */
export function vmStateWord(vm: u32): u32 {
  return VM_STATES + vm;
}

/** How many bytes were typed for a VM: written by the CPU that listens (hv/core/console/input-queue.ts). */
export function inputWrittenWord(vm: u32): u32 {
  return INPUTS + vm * INPUT_STRIDE;
}

/** How many of them it has got: written by the CPU that has it. */
export function inputReadWord(vm: u32): u32 {
  return INPUTS + vm * INPUT_STRIDE + 1;
}

/** The first of INPUT_TEXT_WORDS words: a ring of these bytes. */
export function inputTextWord(vm: u32): u32 {
  return INPUTS + vm * INPUT_STRIDE + 2;
}

/** A bit for each CPU that has left mail for `receiver` since it looked last. */
export function pendingWord(receiver: u32): u32 {
  return PENDING + receiver;
}

/** The request of `sender` that `receiver` is to take: written by `sender`, and set to 0 by who takes it or takes it back. */
export function requestWord(sender: u32, receiver: u32): u32 {
  return REQUESTS + sender * MAX_CPUS + receiver;
}

/** What `receiver` answered to `sender` last: written by `receiver` alone. */
export function answerWord(sender: u32, receiver: u32): u32 {
  return ANSWERS + sender * MAX_CPUS + receiver;
}

/** The node of the CPU that drew the lock last: 0 before the first. */
export function lockTailWord(lock: u32): u32 {
  return LOCK_TABLE + lock * LOCK_STRIDE + LOCK_TAIL;
}

/** The CPU that holds the lock, + 1; 0: none. */
export function lockHolderWord(lock: u32): u32 {
  return LOCK_TABLE + lock * LOCK_STRIDE + LOCK_HOLDER;
}

/** A node of the lock's queue, 0 to MAX_CPUS: one a CPU, and one for who comes behind nobody. */
export function lockNodeWord(lock: u32, node: u32): u32 {
  return LOCK_TABLE + lock * LOCK_STRIDE + LOCK_NODES + node;
}
