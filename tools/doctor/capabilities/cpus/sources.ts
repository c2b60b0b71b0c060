// The public collections that the figures come from.

/** A dump in InstLatx64's collection. */
export function instLatX64(file: string): string {
  return `InstLatx64 (github.com/InstLatx64/InstLatx64), GenuineIntel/${file}, logical CPU 0`;
}

/** A report that VirtualBox's VBoxCpuReport wrote on the machine. */
export function virtualBox(file: string): string {
  return `VirtualBox (github.com/VirtualBox/virtualbox), src/VBox/VMM/VMMR3/cpus/${file}`;
}
