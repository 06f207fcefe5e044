"""The judge: a language model scores an answer on a rubric, and its reply is read without believing it."""
