// Makes the ISO: GRUB for BIOS and UEFI, and Basalt. The same ELF always gives the same bytes.
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { grubConfiguration } from "../image/grub-configuration.ts";
import { requireProgram } from "../programs.ts";
import { grubMasterBootRecord, requireGrub, writeBiosGrub, writeUefiGrub } from "./grub.ts";
import { runStep } from "./step.ts";

/** The date of everything in the ISO, as xorriso takes it. */
const isoDate = "2000010100000000";

/** What a file manager, and `basalt flash`, calls the medium. */
export const volumeLabel = "BASALT";

const sectorBytes = 512;

/** Sectors of the EFI system partition beside GRUB's: boot sector, both FATs, folders, the rest of a cluster. */
const spareSectors = 64;

/** Writes `isoPath`, which boots the multiboot2 image `elfPath` from CD, disk or USB stick, by BIOS or UEFI. */
export async function writeIso(elfPath: string, isoPath: string): Promise<void> {
  requireProgram("grub-mkimage", "grub-common", "build");
  requireProgram("xorriso", "xorriso", "build");
  requireProgram("mformat", "mtools", "build");
  requireGrub();
  const elf = await readFile(elfPath);
  // Beside the ISO, where the next making finds what an interrupted one left.
  const work = `${isoPath}.making`;
  await rm(work, { recursive: true, force: true });
  try {
    const tree = join(work, "tree");
    await mkdir(join(tree, "boot/grub"), { recursive: true });
    await writeFile(join(tree, "boot/basalt.elf"), elf);
    await writeFile(join(tree, "boot/grub/grub.cfg"), grubConfiguration(""));
    // A PC may hold another Basalt too, on its disk: GRUB's UEFI image looks for the medium of the ELF that it is of.
    const mark = `${createHash("sha256").update(elf).digest("hex").slice(0, 16)}.id`;
    await writeFile(join(tree, "boot/grub", mark), "");
    const biosImage = await writeBiosGrub(tree);
    const uefiGrub = join(work, "bootx64.efi");
    await writeUefiGrub(uefiGrub, mark);
    await writeSystemPartition(join(tree, "efi.img"), uefiGrub);
    await rm(isoPath, { force: true });
    await runStep("xorriso", xorrisoArguments(tree, isoPath, biosImage));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Writes a FAT file system that holds `uefiGrub` where UEFI looks for it on a removable medium (UEFI 2.10 3.5.1.1). */
async function writeSystemPartition(path: string, uefiGrub: string): Promise<void> {
  const { size } = await stat(uefiGrub);
  const sectors = Math.ceil(size / sectorBytes) + spareSectors;
  // Without a serial number mformat draws one.
  const layout = ["-T", String(sectors), "-h", "1", "-s", "1", "-c", "1", "-N", "0"];
  await runStep("mformat", ["-C", "-i", path, ...layout, "::"]);
  await runStep("mmd", ["-i", path, "::/EFI", "::/EFI/BOOT"]);
  await runStep("mcopy", ["-i", path, uefiGrub, "::/EFI/BOOT/BOOTX64.EFI"]);
}

/** One image in three forms: a CD with an El Torito entry for each firmware, a disk with an MBR, a disk with a GPT. */
function xorrisoArguments(tree: string, isoPath: string, biosImage: string): string[] {
  return [
    ...["-as", "mkisofs", "-output", isoPath, "-rational-rock", "-volid", volumeLabel],
    ...[`--modification-date=${isoDate}`, "--set_all_file_dates", isoDate],
    // A BIOS loads four sectors from a CD; these load the rest from where xorriso writes into them that it lies.
    ...["-eltorito-boot", biosImage, "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "--grub2-boot-info"],
    ...["--grub2-mbr", grubMasterBootRecord, "--protective-msdos-label"],
    // Some BIOSes take a disk without an active partition for one that does not boot.
    "--mbr-force-bootable",
    ...["--efi-boot", "efi.img", "-efi-boot-part", "--efi-boot-image"],
    ...["-eltorito-catalog", "boot/boot.cat", tree],
  ];
}
