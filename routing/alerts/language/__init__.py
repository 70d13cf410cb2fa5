"""The language of rules, without a framework: a small part of PromQL, read and evaluated over arrays."""
