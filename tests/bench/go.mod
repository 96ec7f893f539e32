module batchwarden.io/bench

go 1.26
