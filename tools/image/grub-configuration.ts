// grub.cfg of Basalt's ISO, with or without a boot module.
import { marker, toField } from "./command-line.ts";

/**
 * Boots at once: by BIOS with VGA text, by UEFI, which has none, with a framebuffer. The command multiboot2 itself asks for a
 * framebuffer, as Basalt's header takes one. If Basalt cannot be loaded, GRUB says why on COM1 too. `module` is what GRUB's
 * command module2 takes: a path on the ISO, and the words of the module's own command line.
 */
export function grubConfiguration(commandLine: string, module?: string): string {
  return `set timeout=0
set screen=text
if [ "$grub_platform" = "efi" ]
then set screen=auto
fi
menuentry "Basalt" {
  if ${marker}${toField(commandLine)}
  then
${module === undefined ? "" : `    module2 ${module}\n`}    set gfxpayload=$screen
    boot
  fi
  serial --unit=0 --speed=115200
  terminal_output --append serial
  multiboot2 /boot/basalt.elf
}
`;
}
