; A stand-in for Basalt that the runner's own tests boot: prints its command line on COM1, then does what `do=` names:
; ok, no-vmx, panic (results 0, 10, 60), hang, triple-fault, stay (result 0, but no power-off), wrong (result 10, status 0).
bits 32

%define COM1 0x3f8
%define MULTIBOOT2_LOADED 0x36d76289
%define TAG_COMMAND_LINE 1
%define XEN_ELFNOTE_PHYS32_ENTRY 18

section .multiboot2 align=8
header:
    dd 0xe85250d6, 0, header.end - header, -(0xe85250d6 + (header.end - header))
    dw 0, 0
    dd 8
.end:

section .note.pvh note align=4
    dd 4, 4, XEN_ELFNOTE_PHYS32_ENTRY
    db "Xen", 0
    dd start

section .text
global start
start:
    mov esp, stack_top
    mov esi, empty
    cmp eax, MULTIBOOT2_LOADED
    jne .pvh
    add ebx, 8
.tag:
    mov eax, [ebx]
    test eax, eax
    jz .found
    cmp eax, TAG_COMMAND_LINE
    je .multiboot2
    mov eax, [ebx + 4]
    add eax, 7
    and eax, ~7
    add ebx, eax
    jmp .tag
.multiboot2:
    lea esi, [ebx + 8]
    jmp .found
.pvh:
    mov esi, [ebx + 24]
.found:
    mov ebp, esi
    ; Eight data bits: the BIOS leaves five.
    mov edx, COM1 + 3
    mov al, 3
    out dx, al
    mov esi, greeting
    call print
    mov esi, ebp
    call print
    mov esi, newline
    call print

.search:
    mov al, [ebp]
    test al, al
    jz ok
    cmp dword [ebp], "do=o"
    je ok
    cmp dword [ebp], "do=n"
    je no_vmx
    cmp dword [ebp], "do=p"
    je panic
    cmp dword [ebp], "do=h"
    je hang
    cmp dword [ebp], "do=t"
    je triple_fault
    cmp dword [ebp], "do=s"
    je stay
    cmp dword [ebp], "do=w"
    je wrong
    inc ebp
    jmp .search

ok:
    mov esi, result_ok
    xor ebx, ebx
    jmp end
no_vmx:
    mov esi, result_no_vmx
    mov ebx, 10
    jmp end
panic:
    mov esi, result_panic
    mov ebx, 60
    jmp end
wrong:
    mov esi, result_no_vmx
    xor ebx, ebx
end:
    call print
    call drain
    mov al, bl
    out 0xf4, al
    mov dx, 0xb004
    mov ax, 0x2000
    out dx, ax
hang:
    cli
    hlt
    jmp hang
stay:
    mov esi, result_ok
    call print
    jmp hang
triple_fault:
    call drain
    lidt [empty_idt]
    ud2

; Prints the zero-terminated string at ESI.
print:
    lodsb
    test al, al
    jz .done
    mov ah, al
    mov edx, COM1 + 5
.wait:
    in al, dx
    test al, 0x20
    jz .wait
    mov edx, COM1
    mov al, ah
    out dx, al
    jmp print
.done:
    ret

; Waits until the UART has sent everything.
drain:
    mov edx, COM1 + 5
    in al, dx
    and al, 0x60
    cmp al, 0x60
    jne drain
    ret

section .rodata
greeting: db "test image: ", 0
newline: db 10
empty: db 0
result_ok: db "basalt: result 0 ok", 10, 0
result_no_vmx: db "basalt: result 10 no-vmx", 10, 0
result_panic: db "basalt: result 60 host-exception", 10, 0
align 4
empty_idt: dw 0
    dd 0

section .bss align=16
    resb 4096
stack_top:
