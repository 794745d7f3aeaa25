// A word delayed by DEPTH enabled cycles, in a memory: what a line buffer is made of.
module hass_recall #(
    parameter int DEPTH = 64,
    parameter int WIDTH = 16
) (
    input  logic             clk,
    // verilator lint_off UNUSEDSIGNAL
    input  logic             rst,     // registers need none
    // verilator lint_on UNUSEDSIGNAL
    input  logic             enable,
    input  logic [WIDTH-1:0] in,
    output logic [WIDTH-1:0] out
);
    generate
        if (DEPTH <= 2) begin : registers
            hass_delay #(.CYCLES(DEPTH), .WIDTH(WIDTH)) delay (.clk, .enable, .in, .out);
        end else begin : memory
            // the memory's read register is one of the DEPTH, hence DEPTH - 1 words
            localparam int WORDS = DEPTH - 1;
            localparam int ADDRESS_BITS = $clog2(WORDS);
            logic [ADDRESS_BITS-1:0] address;
            hass_counter #(.SIZE(WORDS)) addresses (
                .clk, .rst, .step(enable), .value(address), .last());
            // reading and writing one address: the old word comes out, WORDS enabled cycles old
            hass_memory #(.DEPTH(WORDS), .WIDTH(WIDTH)) store (
                .clk, .write(enable), .write_address(address), .in,
                .read(enable), .read_address(address), .out);
        end
    endgenerate
endmodule
