// What CPUs ask of each other, and how a request and its answer fill a word each.

/** All translations that the receiver's processor may hold of VMs are to be dropped: VM `argument` has ended. */
export const MAIL_SHOOTDOWN: u32 = 1;
/** VM `argument` is not to run until MAIL_RESUME. */
export const MAIL_PAUSE: u32 = 2;
/** VM `argument` may run again. */
export const MAIL_RESUME: u32 = 3;
/** VM `argument` is to end. */
export const MAIL_KILL: u32 = 4;
/** The receiver is to give one of its VMs to the sender, which has none: its number + 1 is the answer, 0 where there is none. */
export const MAIL_MOVE: u32 = 5;
/** Something was typed for VM `argument`: it is in shared words. */
export const MAIL_INPUT: u32 = 6;
export const MAIL_KINDS: u32 = 7;

/** Their names in messages. */
export const MAIL_NAMES: StaticArray<string> = ["", "shootdown", "pause", "resume", "kill", "move", "input"];

// A request: the argument in bits 31:0, the kind in bits 39:32, the sequence in bits 63:40. An answer: its value in bits 31:0,
// and the sequence of what it answers in bits 63:40.
const KIND_SHIFT: u64 = 32;
const SEQUENCE_SHIFT: u64 = 40;
const SEQUENCE_MASK: u32 = 0xffffff;

/** The sequence behind `sequence`: 1 to 0xffffff in a ring, never 0, which the words have before the first request. */
export function nextSequence(sequence: u32): u32 {
  return (sequence % SEQUENCE_MASK) + 1;
}

/** A request's word: never 0, as no kind is 0. */
export function requestOf(sequence: u32, kind: u32, argument: u32): u64 {
  return ((<u64>sequence) << SEQUENCE_SHIFT) | ((<u64>kind) << KIND_SHIFT) | argument;
}

export function kindOf(request: u64): u32 {
  return (<u32>(request >> KIND_SHIFT)) & 0xff;
}

export function argumentOf(request: u64): u32 {
  return <u32>request;
}

/** The word that answers `request`. */
export function answerTo(request: u64, value: u32): u64 {
  return (request & ~(((<u64>1) << SEQUENCE_SHIFT) - 1)) | value;
}

/** Whether `answer` is the answer to `request`, not to one before it. */
export function isAnswerTo(answer: u64, request: u64): bool {
  return answer >> SEQUENCE_SHIFT == request >> SEQUENCE_SHIFT;
}

export function valueOf(answer: u64): u32 {
  return <u32>answer;
}
