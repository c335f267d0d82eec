module quamina_bench

go 1.18

require quamina.net/go/quamina v1.5.1

replace quamina.net/go/quamina => github.com/timbray/quamina v1.5.1
