import { Machine } from "../machine";
export function runScript(machine: Machine): u32 { return 0; }
