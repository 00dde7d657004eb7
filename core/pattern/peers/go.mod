module penstock/core/pattern/peers

go 1.26

require (
	github.com/faceair/drain v0.0.0-20220227014011-bcc52881b814
	github.com/jaeyo/go-drain3 v0.1.2
)

require (
	github.com/hashicorp/golang-lru v0.5.4 // indirect
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
)
