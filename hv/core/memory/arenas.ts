// Core's allocator: as AssemblyScript's runtime `stub` it only ever goes on, and frees nothing. But the objects of a VM lie in
// an arena of their own, which goes as a whole when the VM goes.

// asconfig.json tells asc which of its functions is which of the runtime's. asc expects of them what its incremental runtime
// does: new objects are zero. What stands here in variables is this instance of core's: an allocator has no object for it.

/** Where core's own heap ends, and the areas of VMs begin (vm-area.ts): linker.ld has as much for core's memory. */
export const CORE_HEAP_END: usize = 0x400000;

const ALIGNMENT_MASK: usize = 15;
/** A block's length stands before it, so that a block follows its header at a multiple of 16. */
const BLOCK_HEADER: usize = 4;
/** Before an object: two words that collectors use, the number of its class, its length. */
const OBJECT_HEADER: usize = 16;
const CLASS_BEFORE: usize = 8;
const LENGTH_BEFORE: usize = 4;
const MAXIMUM_BYTES: usize = 0x3fffffec;
/** At an arena's start: where it goes on, and its end. */
const ARENA_END: usize = 4;
const ARENA_HEADER: usize = 12;

// The arena that is allocated from: its start, or 0 for core's own heap.
let arena: usize = 0;
const heapStart: usize = ((__heap_base + BLOCK_HEADER + ALIGNMENT_MASK) & ~ALIGNMENT_MASK) - BLOCK_HEADER;
// Where it goes on, and its end.
let next: usize = heapStart;
let end: usize = CORE_HEAP_END;
// While a VM's arena is current: where core's own heap goes on.
let heapNext: usize = 0;
let strayBytes: usize = 0;

/** Makes [start, end) an arena with nothing in it; `start` is a multiple of 16. */
export function makeArena(start: usize, arenaEnd: usize): void {
  store<usize>(start, start + ARENA_HEADER);
  store<usize>(start + ARENA_END, arenaEnd);
}

/** Has all that is allocated from now on lie in the arena at `start`, until `leaveArena`. */
export function enterArena(start: usize): void {
  assert(arena == 0, "one VM's arena was entered from another's");
  arena = start;
  heapNext = next;
  next = load<usize>(start);
  end = load<usize>(start + ARENA_END);
}

/** Goes back to core's own heap. */
export function leaveArena(): void {
  assert(arena != 0, "an arena was left that nobody had entered");
  store<usize>(arena, next);
  arena = 0;
  next = heapNext;
  end = CORE_HEAP_END;
}

/** Bytes in use in the arena at `start`. */
export function arenaBytes(start: usize): u32 {
  return <u32>((start == arena ? next : load<usize>(start)) - start);
}

/** Bytes in use in core's own heap. */
export function heapBytes(): u32 {
  return <u32>((arena == 0 ? next : heapNext) - heapStart);
}

/** Of those the bytes that an arena had no room for: they are lost for good. */
export function strayHeapBytes(): u32 {
  return <u32>strayBytes;
}

function payloadOf(size: usize): usize {
  return ((size + BLOCK_HEADER + ALIGNMENT_MASK) & ~ALIGNMENT_MASK) - BLOCK_HEADER;
}

/** Memory for what the current arena has no room for. Where core's own heap has none left, that ends the run. */
function allocateStray(size: usize): usize {
  if (arena == 0) unreachable();
  const block = heapNext;
  const payload = payloadOf(size);
  if (size > MAXIMUM_BYTES || block + BLOCK_HEADER + payload > CORE_HEAP_END) unreachable();
  heapNext = block + BLOCK_HEADER + payload;
  strayBytes += BLOCK_HEADER + payload;
  store<usize>(block, payload);
  return block + BLOCK_HEADER;
}

export function allocate(size: usize): usize {
  const block = next;
  const payload = payloadOf(size);
  if (size > MAXIMUM_BYTES || block + BLOCK_HEADER + payload > end) return allocateStray(size);
  next = block + BLOCK_HEADER + payload;
  store<usize>(block, payload);
  return block + BLOCK_HEADER;
}

export function reallocate(pointer: usize, size: usize): usize {
  const before = load<usize>(pointer - BLOCK_HEADER);
  if (size <= before) return pointer;
  const payload = payloadOf(size);
  if (pointer + before == next && size <= MAXIMUM_BYTES && pointer + payload <= end) {
    next = pointer + payload;
    store<usize>(pointer - BLOCK_HEADER, payload);
    return pointer;
  }
  const moved = allocate(max<usize>(payload, before << 1));
  memory.copy(moved, pointer, before);
  return moved;
}

export function newObject(size: usize, id: u32): usize {
  if (size > MAXIMUM_BYTES) unreachable();
  const object = allocate(OBJECT_HEADER + size) + OBJECT_HEADER;
  memory.fill(object - OBJECT_HEADER, 0, OBJECT_HEADER + size);
  store<u32>(object - CLASS_BEFORE, id);
  store<u32>(object - LENGTH_BEFORE, <u32>size);
  return object;
}

export function renewObject(object: usize, size: usize): usize {
  if (size > MAXIMUM_BYTES) unreachable();
  const before = <usize>load<u32>(object - LENGTH_BEFORE);
  const moved = reallocate(object - OBJECT_HEADER, OBJECT_HEADER + size) + OBJECT_HEADER;
  if (size > before) memory.fill(moved + before, 0, size - before);
  store<u32>(moved - LENGTH_BEFORE, <u32>size);
  return moved;
}

/** No collector is to hear of it. */
export function link(_parent: usize, _child: usize, _expectMultiple: bool): void {}
