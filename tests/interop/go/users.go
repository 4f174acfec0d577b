// A service with the structs that protoc-gen-go makes of tests/process/users.proto: fields as Go names them, enums as
// numbers.
package main

import "fmt"

type Place struct {
	StreetName string  `json:"street_name,omitempty"`
	Colors     []Color `json:"colors,omitempty"`
}

type User struct {
	UserId      int64            `json:"user_id,omitempty"`
	DisplayName string           `json:"display_name,omitempty"`
	Color       Color            `json:"color,omitempty"`
	Home        *Place           `json:"home,omitempty"`
	Scores      map[string]int64 `json:"scores,omitempty"`
	Picture     []byte           `json:"picture,omitempty"`
	Friends     []*User          `json:"friends,omitempty"`
	Limit       *uint64          `json:"limit,omitempty"`
}

type Users int

// Next is the user behind this one. What came is said in the name, as Go prints the values.
func (Users) Next(user *User, reply *User) error {
	*reply = *user
	reply.UserId++
	reply.DisplayName = fmt.Sprintf("%s of %d in %d", user.DisplayName, user.UserId, user.Color)
	if user.DisplayName == "" {
		return fmt.Errorf("user %d has no name", user.UserId)
	}
	return nil
}
