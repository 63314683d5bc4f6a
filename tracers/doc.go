// Package tracers starts the program of a tracer for one audit and reads what it
// observes.
//
// It holds the program to its word: numbers must rise by one, the stream must end
// with a record of the end, and a program that dies is an error. It does not start
// one again, since what happened meanwhile would be missing; it does not start or end
// what is traced, and does not judge.
package tracers
