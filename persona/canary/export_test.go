package canary

// Checksum is for the tests of published tokens.
var Checksum = checksum
