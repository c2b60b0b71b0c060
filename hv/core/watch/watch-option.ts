// The boot option `watch=VM:START-END:KIND:ACTION`.

import { ACTION_NAMES, Watch, WATCH_KIND_NAMES } from "./watch";

const PAGE_MASK: u64 = 0xfff;
/** RAM ends at 3 GiB; eight digits name all of it. */
const MAXIMUM_DIGITS: i32 = 8;
const MAXIMUM_WATCHES: i32 = 16;
const NOT_A_NUMBER: u64 = 0xffffffffffffffff;

/** Adds the watch that `value` describes to `watches`; returns what is wrong with it, "" if nothing is. */
export function addWatch(value: string, watches: Array<Watch>): string {
  const parts = value.split(":");
  if (parts.length != 4) return "expected VM:START-END:KIND:ACTION, as in 0:30000-31000:nofetch:log";
  const range = parts[1].split("-");
  const vm = number(parts[0], 10);
  const start = range.length == 2 ? number(range[0], 16) : NOT_A_NUMBER;
  const end = range.length == 2 ? number(range[1], 16) : NOT_A_NUMBER;
  if (vm == NOT_A_NUMBER) return "expected the number of a VM, 0 for the first guest";
  if (start == NOT_A_NUMBER || end == NOT_A_NUMBER) return "expected START-END in hexadecimal digits, eight at most";
  if (start >= end || (start | end) & PAGE_MASK) return "expected START below END, both multiples of 1000 hexadecimal";
  const kind = indexOf(WATCH_KIND_NAMES, parts[2]);
  if (kind < 0) return "expected nofetch, nowrite or noaccess";
  const action = indexOf(ACTION_NAMES, parts[3]);
  if (action < 0) return "expected log, count, step, fault, dump or emulate";
  if (watches.length == MAXIMUM_WATCHES) return "at most 16 ranges are watched in one boot";
  for (let i = 0; i < watches.length; i++) {
    const other = watches[i];
    if (other.vm == <u32>vm && start < other.end && other.start < end) return "this VM has a watch there already";
  }
  watches.push(new Watch(<u32>vm, start, end, <u32>kind, <u32>action));
  return "";
}

function number(digits: string, base: u64): u64 {
  if (digits.length == 0 || digits.length > MAXIMUM_DIGITS) return NOT_A_NUMBER;
  let value: u64 = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = <u64>"0123456789abcdef".indexOf(digits.charAt(i).toLowerCase());
    if (digit >= base) return NOT_A_NUMBER;
    value = value * base + digit;
  }
  return value;
}

function indexOf(names: StaticArray<string>, name: string): i32 {
  for (let i = 0; i < names.length; i++) {
    if (names[i] == name) return i;
  }
  return -1;
}
