; Boot entries, both in 32-bit protected mode with paging off and flat segments (Multiboot2 3.3 "I386 machine state";
; Xen's PVH boot ABI), and the way to 64-bit long mode. Only what C needs is set up: a stack, and a bootstrap identity
; map of the first GiB, which boot/runtime/paging.c replaces by tables without writable and executable pages.

bits 32

BOOT_KIND_MULTIBOOT2 equ 1
BOOT_KIND_PVH        equ 2
BOOT_KIND_PROCESSOR  equ 3      ; another CPU, which the first has started

MULTIBOOT2_HEADER_MAGIC equ 0xE85250D6
MULTIBOOT2_LOADER_MAGIC equ 0x36D76289
PVH_START_MAGIC         equ 0x336EC578

CR0_HOST     equ 0x80010033     ; PG, WP, NE, ET, MP, PE
CR4_PAE      equ 1 << 5
MSR_EFER     equ 0xC0000080
VGA_TEXT     equ 0xB8000        ; 80 x 25 cells of two bytes: letter and colours
EFER_LME_NXE equ (1 << 8) | (1 << 11)
CPUID_LM     equ 1 << 29        ; CPUID.80000001H:EDX[29]
CPUID_NX     equ 1 << 20        ; CPUID.80000001H:EDX[20]

global multiboot2_entry, trampoline_start, trampoline_end, replica_offset
extern runtime_start, core_stack_top, writable_first_page, writable_pages

section .multiboot align=8
header:
    dd MULTIBOOT2_HEADER_MAGIC, 0, header_end - header
    dd -(MULTIBOOT2_HEADER_MAGIC + (header_end - header))
    align 8
    dw 1, 0                     ; information request (type 1, required)
    dd 16
    dd 1, 6                     ; boot command line, memory map
    align 8
    dw 6, 0                     ; modules on page boundaries
    dd 8
    align 8
    dw 4, 1                     ; console flags (optional): EGA text will do
    dd 12, 2
    align 8
    dw 5, 1                     ; framebuffer (optional), of any size and depth
    dd 20, 0, 0, 0
    align 8
    dw 0, 0
    dd 8
header_end:

section .note.pvh note align=4
    dd 4, 4, 18                 ; XEN_ELFNOTE_PHYS32_ENTRY
    db "Xen", 0
    dd pvh_entry

section .boot.text progbits alloc exec nowrite align=16

multiboot2_entry:
    mov ebp, text_no_boot_information
    cmp eax, MULTIBOOT2_LOADER_MAGIC
    jne refuse
    mov edi, BOOT_KIND_MULTIBOOT2
    jmp enter_long_mode

pvh_entry:
    mov ebp, text_no_boot_information
    cmp dword [ebx], PVH_START_MAGIC
    jne refuse
    mov edi, BOOT_KIND_PVH
    jmp enter_long_mode

; Where another CPU starts (SDM 3A 9.4), copied to a page below 1 MiB that CS has as its base.
bits 16
trampoline_start:
    o32 lgdt [cs:.gdt_pointer - trampoline_start]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp dword 0x18:processor_entry
.gdt_pointer:
    dw bootstrap_gdt_pointer - bootstrap_gdt - 1
    dd bootstrap_gdt
trampoline_end:

bits 32
processor_entry:
    mov ax, 0x10
    mov ds, ax
    mov ss, ax
    mov edi, BOOT_KIND_PROCESSOR

enter_long_mode:
    cli
    cld
    mov esi, ebx                ; runtime_start(kind = edi, information = esi); nothing needs a stack until then

    mov ebp, text_no_long_mode
    mov eax, 0x80000000
    cpuid
    cmp eax, 0x80000001
    jb refuse
    mov eax, 0x80000001
    cpuid
    test edx, CPUID_LM
    jz refuse
    mov ebp, text_no_nx
    test edx, CPUID_NX
    jz refuse

    mov eax, bootstrap_pdpt + 3 ; present, writable
    mov [bootstrap_pml4], eax
    mov eax, bootstrap_pd + 3
    mov [bootstrap_pdpt], eax
    xor ecx, ecx
.large_page:
    mov eax, ecx
    shl eax, 21
    or eax, 0x83                ; present, writable, 2 MiB
    mov edx, ecx
    sub edx, writable_first_page
    cmp edx, writable_pages
    jae .map
    add eax, [replica_offset]   ; this CPU's own
.map:
    mov [bootstrap_pd + ecx * 8], eax
    inc ecx
    cmp ecx, 512
    jb .large_page

    mov eax, CR4_PAE            ; whole registers, so that all CPUs have the same whatever firmware left in one
    mov cr4, eax
    mov eax, bootstrap_pml4
    mov cr3, eax
    mov ecx, MSR_EFER
    mov eax, EFER_LME_NXE
    xor edx, edx
    wrmsr
    mov eax, CR0_HOST
    mov cr0, eax
    lgdt [bootstrap_gdt_pointer]
    jmp 8:long_mode

; Prints the text behind the code at EBP, white on red to VGA text memory and to COM1 at the speed that firmware left it
; at; ends QEMU with the code, else halts.
refuse:
    cld
    mov esi, ebp
    mov edi, VGA_TEXT
    mov eax, 0x07200720         ; spaces
    mov ecx, 25 * 160 / 4
    rep stosd
    mov edi, VGA_TEXT
    mov al, 3                   ; 8 data bits, no parity, 1 stop bit
    mov dx, 0x3FB
    out dx, al
    movzx ebp, byte [esi]
    inc esi
.next:
    mov ecx, 20000              ; a bounded wait until the byte before has left the shift register
    mov dx, 0x3FD
.wait:
    in al, dx
    and al, 0x60
    cmp al, 0x60
    loopne .wait
    lodsb
    test al, al
    jz .end
    mov bl, al
    mov ah, 0x4F
    cmp al, 13                  ; both of CR and LF
    jbe .result_line
    stosw
.send:
    mov dx, 0x3F8
    mov al, bl
    out dx, al
    jmp .next
.result_line:
    mov edi, VGA_TEXT + 2 * 160 ; the sentence takes at most two rows
    jmp .send
.end:
    mov eax, ebp
    out 0xF4, al
refused:
    cli
    hlt
    jmp refused

bits 64
long_mode:
    mov ax, 0x10
    mov ss, ax
    mov ds, ax
    mov es, ax
    xor eax, eax
    mov fs, ax
    mov gs, ax
    mov rsp, core_stack_top
    xor ebp, ebp                ; the end of every backtrace
    call runtime_start
    ud2                         ; runtime_start does not return

section .boot.data progbits alloc noexec nowrite align=16
; Each starts with its result code; hv/core/results.ts holds the whole table.
text_no_boot_information:
    db 12, "basalt: error: no boot information: found neither multiboot2's nor PVH's magic; start Basalt by GRUB's"
    db " multiboot2 command or by QEMU's -kernel.", 13, 10, "basalt: result 12 no-boot-information", 13, 10, 0
text_no_long_mode:
    db 10, "basalt: error: this CPU has no long mode (CPUID.80000001H:EDX[29] is 0); Basalt needs a 64-bit CPU.", 13, 10
    db "basalt: result 10 no-long-mode", 13, 10, 0
text_no_nx:
    db 11, "basalt: error: this CPU has no execute-disable (CPUID.80000001H:EDX[20] is 0); enable it in the firmware's"
    db " set-up.", 13, 10, "basalt: result 11 no-nx", 13, 10, 0
    align 8
bootstrap_gdt:
    dq 0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF, 0x00CF9B000000FFFF
bootstrap_gdt_pointer:
    dw bootstrap_gdt_pointer - bootstrap_gdt - 1
    dd bootstrap_gdt

section .boot.bss nobits alloc noexec write align=4096
bootstrap_pml4: resb 4096
bootstrap_pdpt: resb 4096
bootstrap_pd:   resb 4096
replica_offset: resq 1          ; where the CPU that starts has the writable part of the image, less where it is mapped
