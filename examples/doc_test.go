// Package examples_test builds what is in this folder where the toolchain is
// there, runs it in a sensor, and holds all variants of one persona to the same
// answers. It does not test the sensor.
package examples_test
