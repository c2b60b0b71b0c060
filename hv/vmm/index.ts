// The exports of vmm.wasm. Each takes and returns one u32; none blocks (architecture: "the run loop stays in core").

import { Vmm } from "./vmm";

export { serveBlockRequest } from "./devices/virtio/block";
export { serveConsoleChain } from "./devices/virtio/console";
export { serveEntropyRequest } from "./devices/virtio/entropy";
export { isInTables, takeChain } from "./devices/virtio/virtqueue";

/** Creates the VMM of the VM whose vCPU page lies at `page`; its root object is the argument of the other exports. */
export function create(page: u32): u32 {
  return <u32>changetype<usize>(new Vmm(page));
}

/** Loads the guest and writes the vCPU's start state to its page: ANSWER_RESUME, or ANSWER_NOT_HANDLED. */
export function reset(root: u32): u32 {
  return changetype<Vmm>(<usize>root).reset();
}

/** Answers the VM exit that the vCPU page describes: one of hv/shared/vcpu-page.ts's ANSWER_*. */
export function exit(root: u32): u32 {
  return changetype<Vmm>(<usize>root).exit();
}

/** Saves the VM's state to the table at `stateAddress` of the vCPU page: one of hv/vmm/state.ts's STATE_*. */
export function save(root: u32): u32 {
  return changetype<Vmm>(<usize>root).save();
}

/** Restores it from there, after `create` or instead of what there was: one of STATE_*. */
export function restore(root: u32): u32 {
  return changetype<Vmm>(<usize>root).restore();
}
