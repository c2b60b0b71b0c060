; A PVH kernel, its ELF written by hand: prints the state that it started in and its start info, and ends with 0x2a.
;
; Xen, docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h.

org 0x100000
bits 32

XEN_ELFNOTE_PHYS32_ENTRY equ 18

elf_header:
    db 0x7f, "ELF", 1, 1, 1, 0
    times 8 db 0
    dw 2, 3                     ; ET_EXEC, EM_386
    dd 1, 0                     ; its version; no entry point but the note's
    dd program_headers - $$, 0, 0
    dw 52, 32, 2, 40, 0, 0
program_headers:
    dd 1, 0, $$, $$, file_end - $$, memory_end - $$, 7, 4
    dd 4, note - $$, note, note, note_end - note, note_end - note, 4, 4
note:
    dd 4, 4, XEN_ELFNOTE_PHYS32_ENTRY
    db "Xen", 0
    dd start
note_end:

%include "serial.inc"

start:
    mov esp, stack_top
    com1_start
    mov eax, cr0
    mov [value], eax
    print_field [value], "state: cr0 "
    mov eax, cr4
    mov [value], eax
    print_field [value], " cr4 "
    pushfd
    pop dword [value]
    print_field [value], " flags "
    new_line
    print_field [ebx], "info: magic "
    print_field [ebx + 4], " version "
    print_field [ebx + 8], " flags "
    print_field [ebx + 12], " modules "
    new_line
    print "command line: "
    mov esi, [ebx + 24]
    call put_text
    new_line

    mov edi, [ebx + 40]
    mov ebp, [ebx + 48]
.entry:
    print_field [edi + 4], "map "
    print_field [edi], ""
    print_field [edi + 12], " + "
    print_field [edi + 8], ""
    print_field [edi + 16], " type "
    new_line
    add edi, 24
    dec ebp
    jnz .entry

    cmp dword [ebx + 12], 1
    jne .no_module
    mov edi, [ebx + 16]
    mov esi, [edi]
    mov ecx, [edi + 8]
    call sum_of_bytes
    print_field [edi + 8], "module: bytes "
    print_field [value], " sum "
    print_field [edi + 4], " above 4 GiB "
    new_line
.no_module:

    mov ebp, [ebx + 32]
    mov esi, ebp
    mov ecx, 20
    call sum_of_bytes
    and dword [value], 0xff
    mov al, [ebp + 8]
    mov [ebp + 8], byte 0       ; ends the signature
    print "rsdp: "
    mov esi, ebp
    call put_text
    mov [ebp + 8], al
    print_field [value], " sum "
    mov esi, ebp
    mov ecx, [ebp + 20]
    call sum_of_bytes
    and dword [value], 0xff
    print_field [value], " extended sum "
    mov ebp, [ebp + 24]
    mov esi, ebp
    mov ecx, [ebp + 4]
    call sum_of_bytes
    and dword [value], 0xff
    print " "
    mov edx, [ebp]
    mov ecx, 4
.letter:
    mov al, dl
    call put_byte
    shr edx, 8
    loop .letter
    print_field [value], " sum "
    new_line
    exit_with 0x2a

; The sum of the ECX bytes at ESI, to [value].
sum_of_bytes:
    xor edx, edx
    test ecx, ecx
    jz .end
.next:
    movzx eax, byte [esi]
    add edx, eax
    inc esi
    loop .next
.end:
    mov [value], edx
    ret

file_end:

absolute $
    alignb 16
    resb 4096
stack_top:
value:
    resd 1
memory_end:
