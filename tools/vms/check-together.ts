// What a schema cannot say of vm.json: names that are there twice, RAM disks that are only read, watches that begin behind their end or overlap.
import type { JsonPath } from "./positions.ts";
import { ramDiskMebibytesOf, type Vm } from "./vm.ts";

/** What is wrong with a value of the file. */
export interface Contradiction {
  readonly path: JsonPath;
  readonly sentence: string;
}

export function checkTogether(vms: readonly Vm[]): Contradiction[] {
  return [
    ...checkNames(vms),
    ...checkDisks(vms),
    ...vms.flatMap(({ watches = [] }, vm) => checkWatches(watches, ["vms", vm, "watches"])),
  ];
}

function checkNames(vms: readonly Vm[]): Contradiction[] {
  return vms.flatMap(({ name }, n) => {
    const first = vms.findIndex((vm) => vm.name === name);
    if (first === n) return [];
    const path = ["vms", n, "name"];
    return [{ path, sentence: `found "${name}", which is vms[${first}]'s name, too; take another.` }];
  });
}

function checkDisks(vms: readonly Vm[]): Contradiction[] {
  return vms.flatMap((vm, n) => {
    if (!vm.diskReadOnly || ramDiskMebibytesOf(vm) === null) return [];
    const path = ["vms", n, "diskReadOnly"];
    return [
      { path, sentence: `found true, expected a disk that is a file: one of RAM stays empty then; leave it out.` },
    ];
  });
}

function checkWatches(watches: readonly string[], list: JsonPath): Contradiction[] {
  const ranges = watches.map((watch) => {
    const [start = 0, end = 0] = watch
      .split(":")[0]!
      .split("-")
      .map((address) => parseInt(address, 16));
    return { start, end };
  });
  return ranges.flatMap(({ start, end }, n) => {
    const path = [...list, n];
    if (start >= end) return [{ path, sentence: `found "${watches[n]}", expected START below END; swap them.` }];
    const other = ranges.slice(0, n).findIndex((range) => start < range.end && range.start < end);
    if (other < 0) return [];
    return [
      { path, sentence: `found "${watches[n]}", which overlaps watch ${other} of this VM; take one of the two.` },
    ];
  });
}
