// Counts 0..SIZE-1, one a step and again from 0.
module hass_counter #(
    parameter int SIZE = 9,
    parameter int BITS = SIZE > 1 ? $clog2(SIZE) : 1
) (
    // verilator lint_off UNUSEDSIGNAL
    input  logic            clk,   // of one value there is nothing to count
    input  logic            rst,
    input  logic            step,
    // verilator lint_on UNUSEDSIGNAL
    output logic [BITS-1:0] value,
    output logic            last   // value is SIZE - 1
);
    generate
        if (SIZE == 1) begin : single
            assign value = '0;
            assign last = 1'b1;
        end else begin : several
            assign last = value == SIZE - 1;
            always_ff @(posedge clk)
                if (rst | (step & last)) value <= '0;
                else if (step) value <= value + 1'b1;
        end
    endgenerate
endmodule
