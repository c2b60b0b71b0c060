; A Multiboot2 kernel in an ELF of 64 bits, entered in 32-bit mode, that prints each tag it was told; ends with the value 0.

bits 32

section .text
align 8
header:
    dd 0xe85250d6, 0, header_end - header, -(0xe85250d6 + header_end - header)
    align 8
    dw 1, 0                     ; information request
    dd 16
    dd 1, 6
    align 8
    dw 6, 0                     ; modules on page boundaries
    dd 8
    align 8
    dw 0, 0
    dd 8
header_end:

%include "serial.inc"

global start
start:
    mov esp, stack_top
    mov [magic], eax
    mov [information], ebx
    com1_start
    print_field [magic], "magic "
    new_line
    mov ebx, [information]
    lea edi, [ebx + 8]
.tag:
    mov eax, [edi]
    cmp eax, 0
    je .behind
    print_field [edi], "tag "
    print_field [edi + 4], " bytes "
    cmp dword [edi], 2
    ja .no_text
    print ": "
    lea esi, [edi + 8]
    call put_text
.no_text:
    cmp dword [edi], 4
    jne .no_sizes
    print_field [edi + 8], " lower "
    print_field [edi + 12], " upper "
.no_sizes:
    cmp dword [edi], 6
    jne .no_map
    mov ebp, [edi + 4]
    add ebp, edi
    lea ecx, [edi + 16]
.entry:
    cmp ecx, ebp
    jae .no_map
    print_field [ecx], ": "
    print_field [ecx + 8], "+"
    print_field [ecx + 16], " "
    add ecx, [edi + 8]
    jmp .entry
.no_map:
    new_line
    add edi, [edi + 4]
    add edi, 7
    and edi, ~7
    jmp .tag
.behind:
    mov eax, edi
    add eax, 8
    sub eax, ebx
    cmp eax, [ebx]
    je .good
    exit_with 1
.good:
    exit_with 0

section .bss
align 16
magic: resd 1
information: resd 1
stack: resb 4096
stack_top:
