// The first of M requests, as an index, and those that are left: hass_arbiter with one grant, with a
// carry chain in place of its tree.
module hass_first #(
    parameter int M = 9,
    parameter int INDEX_BITS = M > 1 ? $clog2(M) : 1
) (
    input  logic [M-1:0]          request,
    output logic [INDEX_BITS-1:0] index,     // valid where there is a request
    output logic [M-1:0]          remaining  // requests but the first
);
    // one less has all lower bits set, and the first request's cleared
    // verilator lint_off UNUSEDSIGNAL
    logic [M-1:0] less, first;  // index 0 is that where no bit is set
    // verilator lint_on UNUSEDSIGNAL
    assign less = request - 1'b1;
    assign remaining = request & less;
    assign first = request & ~less;

    genvar bit_index, i;
    generate
        for (bit_index = 0; bit_index < INDEX_BITS; bit_index = bit_index + 1) begin : index_bit
            logic [M-1:0] set;
            for (i = 0; i < M; i = i + 1) begin : member
                if ((i >> bit_index) % 2 == 1) begin : one
                    assign set[i] = first[i];
                end else begin : zero
                    assign set[i] = 1'b0;
                end
            end
            assign index[bit_index] = |set;
        end
    endgenerate
endmodule
