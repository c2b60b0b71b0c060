; Storms its hypervisor with exits, and itself with interrupts and exceptions, for ever.

CODE equ 0x08
NO_MSR equ 0x12345678
UNUSED_PORT equ 0x1234

%include "header.inc"

%include "serial.inc"

global start
start:
    mov esp, stack_top
    lgdt [gdt_pointer]
    jmp CODE:.loaded
.loaded:
    mov eax, on_protection
    mov edi, idt + 13 * 8
    call set_gate
    mov eax, on_interrupt
    mov edi, idt + 0x30 * 8
    call set_gate
    lidt [idt_pointer]
    sti                         ; no device sends one; in Bochs 2.7 the host's would not come in either with IF 0
    com1_start
    print "storm"
    new_line
.again:
    xor eax, eax
    cpuid
    mov dx, UNUSED_PORT
    out dx, eax
    in al, dx
    mov ecx, NO_MSR
    rdmsr                       ; #GP, which comes from the hypervisor
    int 0x30
    wbinvd
    mov eax, cr4
    xor eax, 0x80
    mov cr4, eax
    jmp .again

; A gate at EDI to the handler at EAX.
set_gate:
    mov [edi], ax
    mov word [edi + 2], CODE
    mov word [edi + 4], 0x8e00
    shr eax, 16
    mov [edi + 6], ax
    ret

; Goes on behind the RDMSR.
on_protection:
    add esp, 4
    add dword [esp], 2
    iretd

on_interrupt:
    iretd

align 8
gdt:
    dq 0
    dq 0x00cf9a000000ffff
gdt_pointer:
    dw gdt_pointer - gdt - 1
    dd gdt
idt_pointer:
    dw 0x31 * 8 - 1
    dd idt

section .bss
align 16
idt: resq 0x31
