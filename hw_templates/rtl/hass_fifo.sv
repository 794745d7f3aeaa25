// First-in, first-out queue with ready/valid on both sides: DEPTH words in a memory, and one more in
// the register that the memory reads into (so it may be block RAM). One word in and one out a cycle;
// a word can be read two cycles after it was written.
module hass_fifo #(
    parameter int DEPTH = 16,
    parameter int WIDTH = 16
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             in_valid,
    output logic             in_ready,
    input  logic [WIDTH-1:0] in,
    output logic             out_valid,
    input  logic             out_ready,
    output logic [WIDTH-1:0] out
);
    localparam int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;
    localparam int COUNT_BITS = $clog2(DEPTH + 1);

    logic [ADDRESS_BITS-1:0] head, tail;
    logic [COUNT_BITS-1:0] count;
    logic push, pop;
    assign in_ready = count != DEPTH;
    assign push = in_valid & in_ready;
    assign pop = (count != 0) & (!out_valid | out_ready);
    generate
        if (DEPTH == 1 << ADDRESS_BITS) begin : wrapping
            // addresses start again from 0 by themselves
            always_ff @(posedge clk)
                if (rst) head <= '0;
                else if (pop) head <= head + 1'b1;
            always_ff @(posedge clk)
                if (rst) tail <= '0;
                else if (push) tail <= tail + 1'b1;
        end else begin : counting
            hass_counter #(.SIZE(DEPTH)) heads (.clk, .rst, .step(pop), .value(head), .last());
            hass_counter #(.SIZE(DEPTH)) tails (.clk, .rst, .step(push), .value(tail), .last());
        end
    endgenerate
    always_ff @(posedge clk)
        if (rst) count <= '0;
        else if (push ^ pop) count <= count + (push ? COUNT_BITS'(1) : '1);
    always_ff @(posedge clk)
        if (rst) out_valid <= 1'b0;
        else if (pop | out_ready) out_valid <= pop;

    hass_memory #(.DEPTH(DEPTH), .WIDTH(WIDTH)) memory (
        .clk, .write(push), .write_address(tail), .in, .read(pop), .read_address(head), .out);
endmodule
