// Where an array lies in the vmm's memory, for core, which reads and fills it there.

export function addressOf(numbers: StaticArray<u64>): u32 {
  return <u32>changetype<usize>(numbers);
}
