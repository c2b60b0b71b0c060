; The guest `registers` (hv/vmm/guests/registers.ts): fills x87, SSE and debug registers and CR2 with a pattern of its own,
; and looks again and again whether they still hold it. What does not is an UD2, and as there is no IDT, a triple fault.

bits 64
org 0x10000
AREA equ 0x20000          ; the image that is loaded
SEEN equ 0x20400          ; what is found
start:
    mov rax, cr4
    or eax, 0x200          ; OSFXSR
    mov cr4, rax
    ; clean at the start: everything is 0 but FCW, MXCSR, DR6
    mov edi, SEEN
    fxsave [rdi]
    cmp word [rdi], 0x37f
    jne wrong
    cmp dword [rdi + 24], 0x1f80
    jne wrong
    cmp byte [rdi + 4], 0  ; all of x87's registers are empty
    jne wrong
    add edi, 32
    xor eax, eax
    mov ecx, 48
    repe scasq
    jne wrong
    mov rax, dr0
    mov rbx, dr1
    or rax, rbx
    mov rbx, dr2
    or rax, rbx
    mov rbx, dr3
    or rax, rbx
    mov rbx, cr2
    or rax, rbx
    jnz wrong
    ; a pattern of its own: the time
    rdtsc
    shl rdx, 32
    or rax, rdx
    mov rbx, rax
    mov edi, AREA
    mov word [rdi], 0x37f
    mov byte [rdi + 4], 0xff
    mov dword [rdi + 24], 0x1f80
    add edi, 32
    mov ecx, 8
st: stosq                  ; a significand
    and qword [rdi], 0
    mov word [rdi], 0x3fff ; an exponent
    add edi, 8
    inc rax
    loop st
    mov ecx, 32
xm: stosq
    inc rax
    loop xm
    fxrstor [rdi - 416]
    mov dr0, rbx
    not rbx
    mov dr1, rbx
    mov dr3, rbx
    not rbx
    mov dr2, rbx
    mov cr2, rbx
again:
    mov esi, AREA + 32
    mov edi, SEEN
    fxsave [rdi]
    add edi, 32
    mov ecx, 48
    repe cmpsq
    jne wrong
    mov rax, dr0
    cmp rax, rbx
    jne wrong
    mov rax, dr2
    cmp rax, rbx
    jne wrong
    mov rax, cr2
    cmp rax, rbx
    jne wrong
    mov rax, dr1
    not rax
    cmp rax, rbx
    jne wrong
    mov rax, dr3
    not rax
    cmp rax, rbx
    jne wrong
    dec r8
    jnz again
    xor eax, eax
    vmcall
wrong:
    ud2
